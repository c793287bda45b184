"""What the API serves: each Kind is one resource in one version, built in or made from a CustomResourceDefinition."""

from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from attrs import field, frozen

from aegis_local.kube.objects import Object, group_version
from aegis_local.kube.schemas import builtin_schema

STORED_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@frozen
class Column:
    """One column of `kubectl get`: `path` is a JSONPath (it starts with a dot) or a name of table_columns."""

    name: str
    path: str
    type: str = "string"
    format: str = ""
    description: str = ""
    priority: int = 0


@frozen
class ScalePaths:
    """Where a custom resource keeps its replica counts, as JSONPaths of its CRD."""

    spec_replicas: str
    status_replicas: str
    selector: str = ""


@frozen(eq=False)
class Kind:
    """One served resource. `schema` is structural; `status` and `scale` among `subresources` get their own paths."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    schema: Object = field(repr=False)
    singular: str
    list_kind: str
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: frozenset[str] = frozenset()
    verbs: tuple[str, ...] = STORED_VERBS
    columns: tuple[Column, ...] = ()
    name_column: bool = True
    builtin: bool = True
    storage_version: str = ""
    scale: ScalePaths | None = None
    deprecation: str = ""
    selectable: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        return group_version(self.group, self.version)

    @property
    def collection(self) -> tuple[str, str]:
        """The key of the store: all versions of a resource share it."""
        return (self.group, self.plural)

    @property
    def qualified(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def stored(self) -> bool:
        return "list" in self.verbs


def _builtin(entry: dict[str, Any]) -> Kind:
    name = entry["kind"]
    return Kind(
        group=entry["group"],
        version=entry["version"],
        kind=name,
        plural=entry["plural"],
        namespaced=entry["namespaced"],
        schema=builtin_schema(entry["group"], entry["version"], name),
        singular=entry.get("singular", name.lower()),
        list_kind=f"{name}List",
        short_names=tuple(entry.get("shortNames", ())),
        categories=tuple(entry.get("categories", ())),
        subresources=frozenset(entry.get("subresources", ())),
        verbs=tuple(entry.get("verbs", STORED_VERBS)),
        columns=tuple(
            Column(
                column["name"], column["path"], column.get("type", "string"), priority=int(column.get("wide", False))
            )
            for column in entry.get("columns", ())
        ),
        name_column=entry.get("nameColumn", True),
        storage_version=entry["version"],
    )


@cache
def builtin_kinds() -> tuple[Kind, ...]:
    text = files("aegis_local.kube").joinpath("data/kinds.yaml").read_text()
    return tuple(_builtin(entry) for entry in yaml.safe_load(text))


class Registry:
    """Every Kind that is served now. Custom kinds come and go with their CustomResourceDefinitions."""

    def __init__(self) -> None:
        self._kinds = {(kind.group, kind.version, kind.plural): kind for kind in builtin_kinds()}

    def all(self) -> list[Kind]:
        return list(self._kinds.values())

    def find(self, group: str, version: str, plural: str) -> Kind | None:
        return self._kinds.get((group, version, plural))

    def of_object(self, api_version: str, kind: str) -> Kind | None:
        """The Kind of a reference by apiVersion and kind."""
        return next((k for k in self._kinds.values() if k.api_version == api_version and k.kind == kind), None)

    def of_collection(self, collection: tuple[str, str]) -> list[Kind]:
        return [kind for kind in self._kinds.values() if kind.collection == collection]

    def replace(self, group: str, plural: str, kinds: list[Kind]) -> None:
        """Serve `kinds` as the custom resource `plural.group`, and no other version of it."""
        self._kinds = {
            key: kind for key, kind in self._kinds.items() if kind.builtin or kind.collection != (group, plural)
        }
        self._kinds |= {(kind.group, kind.version, kind.plural): kind for kind in kinds}
