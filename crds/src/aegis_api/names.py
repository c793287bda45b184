"""Names: of objects, of ServiceAccounts, and the subject that every provider's token must lead to."""

import re
from functools import lru_cache

from attrs import field, frozen

from aegis_api.reading import Node, ParseError, shown

# RFC 1123 section 2.1, as Kubernetes applies it to labels and subdomains.
_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")

_SUBJECT = "system:serviceaccount:"


def is_label(text: str) -> bool:
    """Whether `text` is a DNS label (RFC 1123): what a namespace may be called."""
    return _LABEL.fullmatch(text) is not None


def is_subdomain(text: str) -> bool:
    """Whether `text` is a DNS subdomain (RFC 1123): what most Kubernetes objects may be called."""
    return _SUBDOMAIN.fullmatch(text) is not None


def object_name(node: Node) -> str:
    return node.matching(_SUBDOMAIN, "a name of lower-case letters, digits, '-' and '.', at most 253 characters")


def namespace_name(node: Node) -> str:
    return node.matching(_LABEL, "a namespace name of lower-case letters, digits and '-', at most 63 characters")


def _is_namespace(_: object, __: object, value: str) -> None:
    if not is_label(value):
        raise ParseError("namespace", shown(value), "a DNS label")


def _is_name(_: object, __: object, value: str) -> None:
    if not is_subdomain(value):
        raise ParseError("name", shown(value), "a DNS subdomain")


@frozen(order=True)
class Subject:
    """A workload: the ServiceAccount `name` of `namespace`. Its text is `system:serviceaccount:NAMESPACE:NAME`.

    The same at every provider, so that policies do not change when an Identity moves from one provider to another.
    """

    namespace: str = field(validator=_is_namespace)
    name: str = field(validator=_is_name)

    def __str__(self) -> str:
        return f"{_SUBJECT}{self.namespace}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> "Subject":
        """Reads `system:serviceaccount:NAMESPACE:NAME`. Raises ParseError for anything else."""
        return _subject(text)


# Remembered because a proxy reads the same few in each new token of its callers.
@lru_cache(maxsize=1024)
def _subject(text: str) -> Subject:
    namespace, colon, name = text.removeprefix(_SUBJECT).partition(":")
    if not text.startswith(_SUBJECT) or not colon or not is_label(namespace) or not is_subdomain(name):
        raise ParseError("subject", shown(text), "system:serviceaccount:NAMESPACE:NAME")
    return Subject(namespace, name)
