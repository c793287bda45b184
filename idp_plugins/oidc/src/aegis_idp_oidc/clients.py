"""How a client authenticates at the token endpoint: settings that name a Kubernetes Secret of the pod's namespace."""

from functools import partial
from typing import Literal

from attrs import frozen

from aegis_api.names import Subject
from aegis_idp.settings import setting
from aegis_idp.values import SecretKey
from aegis_idp_oidc.templates import check_template, filled

_NAME = partial(check_template, places=("name",))
_KEY = r"[-._a-zA-Z0-9]{1,253}"


@frozen
class ClientSecret:
    """A client secret in a Kubernetes Secret of the pod's namespace."""

    name: str = setting("The Secret's name, in which {name} stands for the ServiceAccount's.", check=_NAME)
    key: str = setting("The key in the Secret.", pattern=_KEY, wanted="a key of a Secret")
    method: Literal["client_secret_basic", "client_secret_post"] = setting(
        "How the client shows it (OpenID Connect Core 1.0 section 9).", default="client_secret_basic"
    )

    def of(self, subject: Subject) -> SecretKey:
        return SecretKey(filled(self.name, name=subject.name), self.key)


@frozen
class ClientKey:
    """A client's private key in a Kubernetes Secret of the pod's namespace."""

    name: str = setting("The Secret's name, in which {name} stands for the ServiceAccount's.", check=_NAME)
    key: str = setting("The key in the Secret: a private key in PEM.", pattern=_KEY, wanted="a key of a Secret")
    key_id: str | None = setting(
        "The key id (kid) by which the server knows the public key, if it wants one.", default=None
    )

    def of(self, subject: Subject) -> SecretKey:
        return SecretKey(filled(self.name, name=subject.name), self.key)
