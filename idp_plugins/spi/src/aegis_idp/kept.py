"""What somebody else keeps at a provider: a setting from `NAMESPACE/NAME` of a ServiceAccount to the provider's own id.

What such an id looks like, a plugin's own settings check.
"""

from collections.abc import Mapping

from aegis_api.names import Subject
from aegis_api.reading import ParseError


def subject_of(name: str) -> Subject:
    """The ServiceAccount written `namespace/name`. Raises ValueError."""
    namespace, _, account = name.partition("/")
    try:
        return Subject(namespace, account)
    except ParseError:
        raise ValueError(f"NAMESPACE/NAME of a ServiceAccount in place of {name!r}") from None


def kept_for(kept: Mapping[str, str], subject: Subject) -> str | None:
    """The id that the setting `kept` names for a ServiceAccount."""
    return kept.get(f"{subject.namespace}/{subject.name}")


def keeper_of(kept: Mapping[str, str], known: str) -> Subject | None:
    """Whose the id `known` is by the setting `kept`. Its names have been checked by `subject_of`."""
    return next((subject_of(name) for name, each in kept.items() if each == known), None)
