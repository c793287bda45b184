"""Who asks: the user that authentication finds. Pure."""

from collections.abc import Mapping

from attrs import field, frozen

from aegis_local.kube.objects import Object


@frozen
class User:
    """A user as in user.Info: name, groups, uid and extra values (of a ServiceAccount token: its pod and token id)."""

    name: str
    groups: frozenset[str] = frozenset()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(factory=dict)

    def rendered(self) -> Object:
        """The UserInfo of reviews (authentication.k8s.io/v1)."""
        info: Object = {"username": self.name}
        if self.uid:
            info["uid"] = self.uid
        if self.groups:
            info["groups"] = sorted(self.groups)
        if self.extra:
            info["extra"] = {key: list(values) for key, values in self.extra.items()}
        return info


AUTHENTICATED = "system:authenticated"
UNAUTHENTICATED = "system:unauthenticated"
MASTERS = "system:masters"

ANONYMOUS = User("system:anonymous", frozenset([UNAUTHENTICATED]))
ADMIN = User("kubernetes-admin", frozenset([MASTERS, AUTHENTICATED]))


def controller(name: str) -> User:
    """One of the server's own controllers, as the controller manager runs them."""
    groups = frozenset(["system:serviceaccounts", "system:serviceaccounts:kube-system", AUTHENTICATED, MASTERS])
    return User(f"system:serviceaccount:kube-system:{name}", groups)


def service_account(namespace: str, name: str, uid: str, extra: Mapping[str, tuple[str, ...]]) -> User:
    groups = frozenset(["system:serviceaccounts", f"system:serviceaccounts:{namespace}", AUTHENTICATED])
    return User(f"system:serviceaccount:{namespace}:{name}", groups, uid, extra)
