"""RBAC: what a user may do, judged by the Roles and bindings in the store. Pure over the objects it is given."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from attrs import frozen

from aegis_local.kube.objects import Object
from aegis_local.kube.users import MASTERS, User

_RBAC = "rbac.authorization.k8s.io"


@frozen
class Action:
    """One act to judge: on a resource (`path` is empty), or on another path of the server."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def described(self) -> str:
        """The resource as rules name it."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


class Objects(Protocol):
    """What the judge reads: a store."""

    def get(self, collection: tuple[str, str], namespace: str, name: str) -> Object | None: ...

    def all(self, collection: tuple[str, str], namespace: str = "") -> list[Object]: ...


def allowed(store: Objects, user: User, action: Action) -> bool:
    """Whether a rule that is bound to the user allows the action."""
    if MASTERS in user.groups:
        return True
    return any(permits(rule, action) for rule in rules_of(store, user, action.namespace))


def rules_of(store: Objects, user: User, namespace: str) -> Iterator[Object]:
    """The rules that hold for a user in a namespace; of an empty namespace, only the cluster's."""
    for binding in store.all((_RBAC, "clusterrolebindings")):
        if _binds(binding, user, ""):
            yield from _role_rules(store, binding["roleRef"], "")
    if namespace:
        for binding in store.all((_RBAC, "rolebindings"), namespace):
            if _binds(binding, user, namespace):
                yield from _role_rules(store, binding["roleRef"], namespace)


def _binds(binding: Object, user: User, namespace: str) -> bool:
    for subject in binding.get("subjects") or ():
        match subject["kind"]:
            case "User":
                found = subject["name"] == user.name
            case "Group":
                found = subject["name"] in user.groups
            case "ServiceAccount":
                home = subject.get("namespace") or namespace
                found = bool(home) and user.name == f"system:serviceaccount:{home}:{subject['name']}"
            case _:
                found = False
        if found:
            return True
    return False


def _role_rules(store: Objects, reference: Object, namespace: str) -> Iterable[Object]:
    if reference["kind"] == "ClusterRole":
        role = store.get((_RBAC, "clusterroles"), "", reference["name"])
    else:
        role = store.get((_RBAC, "roles"), namespace, reference["name"]) if namespace else None
    return (role or {}).get("rules") or ()


def permits(rule: Object, action: Action) -> bool:
    """Whether one PolicyRule allows the action."""
    if not _holds(rule.get("verbs"), action.verb):
        return False
    if action.path:
        return any(_path_matches(pattern, action.path) for pattern in rule.get("nonResourceURLs") or ())
    if not _holds(rule.get("apiGroups"), action.group):
        return False
    resources = rule.get("resources") or ()
    wanted = {"*", action.described} | ({f"*/{action.subresource}"} if action.subresource else set())
    if not wanted & set(resources):
        return False
    names = rule.get("resourceNames") or ()
    return not names or action.name in names


def _holds(values: list[str] | None, wanted: str) -> bool:
    return values is not None and ("*" in values or wanted in values)


def _path_matches(pattern: str, path: str) -> bool:
    return pattern == path or (pattern.endswith("*") and path.startswith(pattern[:-1]))


def refusal(user: User, action: Action) -> str:
    """Why an action is refused, as the API server says it."""
    if action.path:
        return f'User "{user.name}" cannot {action.verb} path "{action.path}"'
    where = f' in the namespace "{action.namespace}"' if action.namespace else " at the cluster scope"
    return f'User "{user.name}" cannot {action.verb} resource "{action.described}" in API group "{action.group}"{where}'


def escalations(store: Objects, user: User, rules: Iterable[Object], namespace: str) -> list[Object]:
    """The rules among `rules` that the user does not hold: nobody may grant more than they have."""
    if MASTERS in user.groups:
        return []
    own = list(rules_of(store, user, namespace))
    return [rule for rule in rules if not all(any(_covers(held, atom) for held in own) for atom in _atoms(rule))]


def _atoms(rule: Object) -> Iterator[Object]:
    """A rule cut into rules of one verb, group, resource and name each."""
    for verb in rule.get("verbs") or ():
        for url in rule.get("nonResourceURLs") or ():
            yield {"verbs": [verb], "nonResourceURLs": [url]}
        for group in rule.get("apiGroups") or ():
            for resource in rule.get("resources") or ():
                for name in rule.get("resourceNames") or [""]:
                    yield {
                        "verbs": [verb],
                        "apiGroups": [group],
                        "resources": [resource],
                        "resourceNames": [name] if name else [],
                    }


def _covers(held: Object, atom: Object) -> bool:
    if not _holds(held.get("verbs"), atom["verbs"][0]):
        return False
    if urls := atom.get("nonResourceURLs"):
        return any(_path_matches(pattern, urls[0]) for pattern in held.get("nonResourceURLs") or ())
    if not _holds(held.get("apiGroups"), atom["apiGroups"][0]):
        return False
    resource = atom["resources"][0]
    _, _, subresource = resource.partition("/")
    if not {"*", resource, *([f"*/{subresource}"] if subresource else [])} & set(held.get("resources") or ()):
        return False
    names = held.get("resourceNames") or ()
    return not names or (bool(atom["resourceNames"]) and atom["resourceNames"][0] in names)


def role_of_binding(store: Objects, binding: Object, namespace: str) -> Object | None:
    """The role that a binding refers to, if it exists."""
    reference = binding["roleRef"]
    if reference["kind"] == "ClusterRole":
        return store.get((_RBAC, "clusterroles"), "", reference["name"])
    return store.get((_RBAC, "roles"), namespace, reference["name"])


def described_rule(rule: Object) -> str:
    """A rule as the message about escalation prints it."""
    parts = []
    for key, title in (
        ("nonResourceURLs", "NonResourceURLs"),
        ("apiGroups", "APIGroups"),
        ("resources", "Resources"),
        ("resourceNames", "ResourceNames"),
        ("verbs", "Verbs"),
    ):
        if values := rule.get(key):
            quoted = " ".join(f'"{value}"' for value in values)
            parts.append(f"{title}:[{quoted}]")
    return "{" + ", ".join(parts) + "}"


def described_groups(user: User) -> str:
    return " ".join(f'"{group}"' for group in sorted(user.groups))
