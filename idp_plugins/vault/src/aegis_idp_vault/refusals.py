"""What to do about an error of Vault, by what it says: its API has no error codes."""

import re
from collections.abc import Callable

from attrs import frozen

from aegis_idp_vault.settings import VaultSettings

_PAGE = "see docs/providers/vault.md"


@frozen
class Asked:
    """Who asked, and what for, by name: no secret is in here.

    `role` is that of the login, `bearer` the subject of the token that was shown there. `right` is what a policy has to
    allow for this request; a login takes none.
    """

    settings: VaultSettings
    role: str = ""
    bearer: str = "the ServiceAccount that logs in"
    right: str = ""


Hint = Callable[[Asked], str]


def _mount(of: Asked) -> str:
    return f"auth/{of.settings.mount}"


def _keys_out_of_reach(of: Asked) -> str:
    return f"let Vault reach the cluster's issuer or key set that {_mount(of)}/config names"


def _denied(of: Asked) -> str:
    if of.right:
        return f"a policy of the role {of.role} at {_mount(of)} must allow {of.right}"
    space = of.settings.namespace
    where = f" in the namespace {space} (config.namespace)" if space else ""
    return f"enable a JWT auth method at {_mount(of)}{where}, or correct config.mount"


# The first whose pattern occurs in what Vault says is the hint. They are words of Vault 1.21 and its JWT auth method.
# The tests in tests/integration meet most of them on the real server.
_HINTS: tuple[tuple[str, Hint], ...] = (
    ("Vault is sealed", lambda _: "unseal it"),
    (
        "role .* could not be found",
        lambda of: (
            f"make the role {of.role} at {_mount(of)}, or correct config.role, config.provisionRole or config.mount"
        ),
    ),
    (
        "could not load configuration",
        lambda of: f"tell {_mount(of)}/config where the keys of the cluster's ServiceAccount tokens are",
    ),
    (
        r"invalid audience \(aud\) claim",
        lambda of: (
            f"list the token's audience in the role's bound_audiences: {of.settings.login_audience} in that of pods "
            f"({of.settings.role}), {of.settings.base} in that of the reconcile function ({of.settings.provision_role})"
        ),
    ),
    (
        r"invalid issuer \(iss\) claim",
        lambda of: f"set bound_issuer of {_mount(of)}/config to the issuer of the cluster's ServiceAccount tokens",
    ),
    (
        r"invalid subject \(sub\) claim",
        lambda of: f"set bound_subject of the role {of.role} at {_mount(of)} to {of.bearer}",
    ),
    (
        'claim "sub" does not match',
        lambda of: f"let the bound_claims of the role {of.role} at {_mount(of)} take {of.bearer}",
    ),
    ("error configuring token validator|fetching keys", _keys_out_of_reach),
    (
        "error verifying token signature",
        lambda of: f"give {_mount(of)}/config the keys of the cluster's ServiceAccount tokens",
    ),
    (
        "as an allowed client ID",
        lambda of: f"allow the audience in allowed_client_ids of the key {of.settings.key}, where * allows all",
    ),
    (
        'cannot find key|key "[^"]*" not found',
        lambda of: f"make the key {of.settings.key} in identity/oidc/key, or correct config.key",
    ),
    (
        'role "[^"]*" not found',
        lambda _: "the identity is not provisioned there (yet): look at the conditions of its Identity",
    ),
    (
        "token ttl cannot be longer",
        lambda of: f"lower config.tokenSeconds, or raise verification_ttl of the key {of.settings.key}",
    ),
    (
        "invalid mount accessor",
        lambda of: f"correct config.accessor: `vault auth list` shows the accessor of {of.settings.mount}/",
    ),
    ("permission denied", _denied),
)


def explained(asked: Asked, status: int, said: str) -> str:
    """A sentence for the operator. `said` is what Vault answered, without secrets."""
    for pattern, hint in _HINTS:
        if re.search(pattern, said):
            return f"{hint(asked)} ({_PAGE})"
    if status == 429:
        return f"a rate limit quota is used up: raise it, or ask less (sys/quotas/rate-limit; {_PAGE})"
    if status >= 500:
        return "look at its log"
    return f"compare the settings with those at {_mount(asked)} and identity/oidc ({_PAGE})"
