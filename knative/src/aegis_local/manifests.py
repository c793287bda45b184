"""The manifests: where they are, in which order they go in, and the parts of them that one machine fills in. Pure but
for reading files."""

import base64
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from aegis_local.client.resources import Object

# What others need comes first; webhooks come last, for they concern everything that comes after them.
_ORDER = (
    "Namespace",
    "CustomResourceDefinition",
    "ServiceAccount",
    "Secret",
    "ConfigMap",
    "ClusterRole",
    "Role",
    "ClusterRoleBinding",
    "RoleBinding",
    "v1 Service",
)
_LAST = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")


class ManifestError(Exception):
    """Manifests that cannot be found or read. Its text says which, and what to do."""


def documents(text: str, origin: str) -> list[Object]:
    """The objects of a YAML text, lists of kind List taken apart. Raises ManifestError."""
    try:
        found = [document for document in yaml.safe_load_all(text) if document is not None]
    except yaml.YAMLError as error:
        raise ManifestError(f"{origin} is not YAML: {error}") from error
    objects: list[Object] = []
    for document in found:
        for obj in _items(document):
            if not (isinstance(obj, dict) and obj.get("kind") and obj.get("apiVersion")):
                raise ManifestError(f"{origin} holds a document that is no Kubernetes object (no kind, no apiVersion)")
            objects.append(obj)
    return objects


def _items(document: Any) -> Iterator[Any]:
    if isinstance(document, dict) and document.get("kind") == "List":
        yield from document.get("items") or ()
    else:
        yield document


def read(path: Path) -> list[Object]:
    """The objects of a file, or of all .yaml files of a folder in the order of their names. Raises ManifestError."""
    paths = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    if not paths:
        raise ManifestError(f"{path} holds no .yaml file")
    try:
        return [obj for found in paths for obj in documents(found.read_text(), str(found))]
    except OSError as error:
        raise ManifestError(f"{path} cannot be read: {error.strerror}") from error


def packaged(package: str, name: str) -> list[Object]:
    """The objects of a file that comes with `package`."""
    return documents(files(package).joinpath(name).read_text(), name)


def checkout() -> Path:
    """The folder that holds `crds/` and `knative/`. Raises ManifestError outside a checkout."""
    root = Path(__file__).resolve().parents[3]
    if not list((root / "crds").glob("*.yaml")) or not list((root / "knative").glob("*.yaml")):
        raise ManifestError(
            "the manifests are not part of the installed package: give --manifests and the folder of a checkout, "
            "which holds crds/ and knative/"
        )
    return root


def in_order(objects: Iterable[Object]) -> list[Object]:
    """The objects in an order in which each finds what it needs."""

    def rank(obj: Object) -> int:
        kind = obj["kind"]
        if kind in _LAST:
            return len(_ORDER) + 1
        # Knative has a kind Service as well, and its pods are better made once the plain Services are known.
        names = [name for name in (kind, f"{obj['apiVersion']} {kind}") if name in _ORDER]
        return _ORDER.index(names[0]) if names else len(_ORDER)

    return sorted(objects, key=rank)


def is_webhook(obj: Object) -> bool:
    return obj["kind"] in _LAST


def with_ca_bundle(configuration: Object, certificate: bytes) -> Object:
    """A webhook configuration whose webhooks trust `certificate` (PEM)."""
    bundle = base64.b64encode(certificate).decode()
    webhooks = [
        {**hook, "clientConfig": {**hook["clientConfig"], "caBundle": bundle}} for hook in configuration["webhooks"]
    ]
    return {**configuration, "webhooks": webhooks}


def webhook_services(configurations: Iterable[Object]) -> set[tuple[str, str]]:
    """The Services (namespace, name) that the API server calls for admission."""
    return {
        (hook["clientConfig"]["service"]["namespace"], hook["clientConfig"]["service"]["name"])
        for configuration in configurations
        for hook in configuration.get("webhooks") or ()
        if "service" in hook["clientConfig"]
    }
