"""The whole API on one screen: every part, and what it is given. Nothing here touches the network."""

from collections.abc import Callable, Mapping
from importlib.resources import files

import yaml

from aegis_local.kube.api import Api
from aegis_local.kube.authentication import Authenticator
from aegis_local.kube.controllers import Controllers
from aegis_local.kube.deleting import Deleter
from aegis_local.kube.handlers import Handlers
from aegis_local.kube.kinds import Registry
from aegis_local.kube.objects import split_group_version
from aegis_local.kube.reviews import Reviews
from aegis_local.kube.store import Collection, Store
from aegis_local.kube.tokens import TokenIssuer
from aegis_local.kube.users import User, controller
from aegis_local.kube.writing import Admission, Write, Writer


class Kubernetes:
    """An API server without its network. `clock` gives seconds since the epoch."""

    def __init__(
        self,
        *,
        url: str,
        certificate: str,
        tokens: Mapping[str, User],
        clock: Callable[[], float],
        store: Store,
        admission: Admission,
        kind_gone: Callable[[Collection], None],
        fault: Callable[[str], bool] | None = None,
    ) -> None:
        self.registry = Registry()
        self.issuer = TokenIssuer(url)
        self._writer = Writer(store, admission, clock)
        deleter = Deleter(store, admission, clock)
        authenticator = Authenticator(store, self.issuer, tokens, clock)
        reviews = Reviews(store, self.issuer, authenticator, clock)
        handlers = Handlers(store, self._writer, deleter, clock)
        self.controllers = Controllers(store, self.registry, self._writer, deleter, certificate, kind_gone)
        self.api = Api(store, self.registry, handlers, reviews, authenticator, self.issuer, clock, fault)

    async def bootstrap(self) -> None:
        """Make what every cluster holds from the start."""
        text = files("aegis_local.kube").joinpath("data/bootstrap.yaml").read_text()
        for obj in yaml.safe_load(text):
            group = split_group_version(obj["apiVersion"])[0]
            kind = next(kind for kind in self.registry.all() if (kind.group, kind.kind) == (group, obj["kind"]))
            await self._writer.create(Write(kind, "", "", controller("bootstrap"), "kube-apiserver"), obj)
