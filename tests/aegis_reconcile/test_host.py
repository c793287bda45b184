"""What providers are shown: tokens that are of no use elsewhere, and secrets of their own."""

import threading
from functools import partial
from pathlib import Path

import pytest

from aegis_api.metadata import Metadata
from aegis_api.provider import ClusterIdentityProvider, IdentityProvider, ProviderSpec
from aegis_idp.errors import Misconfigured, Unavailable
from aegis_idp.values import Secret
from aegis_reconcile.cluster import Rejected, TryAgain
from aegis_reconcile.host import Minted
from support.host_in_memory import AccountInMemory, Clock, host

SPEC = ProviderSpec("memory", "aegis")
OWN = IdentityProvider(Metadata("vault", "shop"), SPEC)
WIDE = ClusterIdentityProvider(Metadata("vault", ""), SPEC)
URL = "https://vault.test"


def test_token_is_asked_for_once_and_renewed_before_its_end() -> None:
    """One token per audience serves all Identities; at 80 % of its life the next one is asked for."""
    account, clock = AccountInMemory(), Clock()
    found = host(account, clock=clock)
    assert {found.token_at(URL).reveal() for _ in range(3)} == {f"token-1 for {URL}"}
    assert found.token_at("https://other.test").reveal() == "token-2 for https://other.test"
    clock.now = 479
    assert found.token_at(URL).reveal() == f"token-1 for {URL}"
    clock.now = 480
    assert found.token_at(URL).reveal() == f"token-3 for {URL}"
    assert "token-" not in repr(found)


def test_api_servers_own_audience_is_never_given_away() -> None:
    """Whoever writes a provider could otherwise have the function's rights sent to an address of his choice."""
    account = AccountInMemory("https://kubernetes.default.svc")
    found = host(account)
    for ask in (found.token_at, partial(found.token, WIDE)):
        with pytest.raises(Misconfigured, match="the API server's own"):
            ask("https://kubernetes.default.svc")
    assert len(account.minted) == 2, "a token that was refused is not kept"


@pytest.mark.parametrize(
    "audience",
    ["api://AzureADTokenExchange", "sts.amazonaws.com", "https://iam.googleapis.com/projects/1/locations/global", ""],
)
def test_shared_audience_is_for_cluster_providers(audience: str) -> None:
    """A namespace's users say where their provider's token goes, so it is for that address and nothing else."""
    account = AccountInMemory()
    with pytest.raises(Misconfigured, match="only a ClusterIdentityProvider may ask for it"):
        host(account).token(OWN, audience)
    assert account.minted == []
    assert host(account).token(WIDE, audience).reveal() == f"token-1 for {audience}"


@pytest.mark.parametrize("address", ["api://AzureADTokenExchange", "sts.amazonaws.com", "", "https://", "http://[x"])
def test_address_is_one(address: str) -> None:
    """What a plugin takes for an address, and is none, would be good at more than one."""
    account = AccountInMemory()
    with pytest.raises(Misconfigured, match="is for an http or https URL"):
        host(account).token_at(address)
    assert account.minted == []


def test_failures_are_told_apart() -> None:
    """A missing right is for people, an API server that does not answer is tried again."""
    account = AccountInMemory()
    account.failure = Rejected("403: forbidden")
    with pytest.raises(
        Misconfigured, match="403: forbidden; its ServiceAccount must be allowed to create serviceaccounts/token"
    ):
        host(account).token_at(URL)
    account.failure = TryAgain("no answer")
    with pytest.raises(Unavailable, match="no answer"):
        host(account).token_at(URL)


def test_threads_share_one_request() -> None:
    """Many Identities of one provider that are made at once ask for one token."""
    entered = threading.Barrier(5)

    class Slow(AccountInMemory):
        def mint(self, audience: str) -> Minted:
            threading.Event().wait(0.05)
            return super().mint(audience)

    account = Slow()
    found, tokens = host(account), list[Secret]()

    def ask() -> None:
        entered.wait(10)
        tokens.append(found.token_at(URL))

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(tokens) == 5
    assert account.minted == [URL]


def test_audiences_are_bounded() -> None:
    """Users who invent audiences cannot fill the memory."""
    account = AccountInMemory()
    found = host(account)
    for number in range(257):
        found.token(WIDE, f"audience-{number}")
    found.token(WIDE, "audience-256")
    assert len(account.minted) == 257
    found.token(WIDE, "audience-0")
    assert len(account.minted) == 258


def test_secret_is_of_one_provider(tmp_path: Path) -> None:
    """The name of the file says which provider it is for: nobody else's provider gets it."""
    (tmp_path / "shop.vault.admin-token").write_text("hvs.of-shop\n")
    (tmp_path / "_cluster.vault.admin-token").write_text("hvs.of-cluster")
    found = host(AccountInMemory(), tmp_path)
    assert found.secret(OWN, "admin-token").reveal() == "hvs.of-shop"
    assert found.secret(WIDE, "admin-token").reveal() == "hvs.of-cluster"
    bank = IdentityProvider(Metadata("vault", "bank"), SPEC)
    with pytest.raises(Misconfigured, match=r"put the key bank\.vault\.admin-token into the Secret aegis-provision"):
        found.secret(bank, "admin-token")


@pytest.mark.parametrize("key", ["../shop", "a.b", "A", ""])
def test_key_of_a_secret_leads_nowhere_else(tmp_path: Path, key: str) -> None:
    """A key is a plain word: it names neither another folder nor another provider's file."""
    (tmp_path / f"shop.vault.{key.replace('/', '-')}").write_text("x")
    with pytest.raises(Misconfigured):
        host(AccountInMemory(), tmp_path).secret(OWN, key)


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff", b"x" * (64 * 1024 + 1)])
def test_file_without_a_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    """An empty or odd file is no secret."""
    (tmp_path / "shop.vault.key").write_bytes(content)
    with pytest.raises(Misconfigured, match="there is no secret key"):
        host(AccountInMemory(), tmp_path).secret(OWN, "key")
