"""The settings of a provider of the type `hashicorp.vault`."""

from attrs import frozen

from aegis_idp.settings import setting
from aegis_idp.urls import check_base_url, within_cluster

_PATH = r"[A-Za-z0-9_-]+(?:[./]?[A-Za-z0-9_-]+)*"
_ROLE = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?"


def _check_address(text: str) -> None:
    check_base_url(within_cluster(text))


@frozen
class VaultSettings:
    """`address` is all that is needed where the rest is named as in the documents."""

    address: str = setting(
        "Where Vault is: https, or http for loopback and names of the cluster, like http://vault.vault:8200.",
        check=_check_address,
    )
    namespace: str | None = setting(
        "The Vault namespace, like teams/shop. Default: the root namespace.",
        default=None,
        pattern=_PATH,
        wanted="the path of a Vault namespace, without slashes at its ends",
    )
    mount: str = setting(
        "The path of the JWT auth method that trusts this cluster, and no other cluster.",
        default="jwt",
        pattern=_PATH,
        wanted="the path of an auth method, without slashes at its ends",
    )
    role: str = setting(
        "The role of that auth method by which pods log in.",
        default="aegis",
        pattern=_ROLE,
        wanted="the name of a role",
    )
    provision_role: str = setting(
        "The role of that auth method by which the reconcile function logs in.",
        default="aegis-reconcile",
        pattern=_ROLE,
        wanted="the name of a role",
    )
    login_audience: str = setting(
        "The audience of the ServiceAccount token with which pods log in.",
        default="vault",
        pattern=r"[!-~]{1,600}",
        wanted="visible ASCII characters",
    )
    expiration_seconds: int = setting(
        "How long that ServiceAccount token lives; the kubelet renews it at 80 % of that.",
        default=3600,
        low=600,
        high=86400,
    )
    accessor: str | None = setting(
        "The accessor of the auth method (`vault auth list`). Default: asked of Vault each time.",
        default=None,
        pattern=r"[A-Za-z0-9_-]+",
        wanted="an accessor, like auth_jwt_1a2b3c4d",
    )
    key: str = setting(
        "The key of Vault's identity/oidc that signs tokens.",
        default="default",
        pattern=_ROLE,
        wanted="the name of a key",
    )
    token_seconds: int = setting(
        "How long an identity token lives; at most the key's verification_ttl.", default=3600, low=60, high=86400
    )
    issuer: str | None = setting(
        "What a token's iss is, byte for byte. Default: what Vault says in its discovery document.", default=None
    )

    @property
    def base(self) -> str:
        """The URL before `/v1`, without a slash at its end."""
        return within_cluster(self.address).rstrip("/")

    @property
    def oidc_base(self) -> str:
        """Where the namespace's discovery document and keys are below."""
        space = f"{self.namespace}/" if self.namespace else ""
        return f"{self.base}/v1/{space}identity/oidc"
