"""What admission decides about a pod: one of three values."""

# An error here is named by what it does to the pod.

from enum import Enum
from typing import Any

from attrs import field, frozen

from aegis_api.annotations import EGRESS, INGRESS

Object = dict[str, Any]
"""A JSON object as Kubernetes gives it."""


class SkipReason(Enum):
    """Why a pod stays as it is; the value is the sentence for people."""

    NOT_ASKED = f"the pod has neither the annotation {INGRESS} nor {EGRESS}"
    SWITCHED_OFF = f'neither {INGRESS} nor {EGRESS} is "true"'
    NOT_CREATED = "containers can be given to a pod only when it is created"
    MIRROR = "a mirror pod only shows what its kubelet runs from a file"


@frozen
class Inject:
    """The pod as it shall be; it may be the pod as it came. `warnings` are shown to its author."""

    pod: Object = field(repr=False)
    warnings: tuple[str, ...] = ()


@frozen
class Skip:
    reasons: tuple[SkipReason, ...]


@frozen
class Refuse:
    """`why` is for the pod's author: what is wrong, and what to do. `code` is the HTTP status the client sees."""

    why: str
    code: int = 403


Decision = Inject | Skip | Refuse


class Refused(Exception):
    """A pod that cannot be admitted. Its text becomes `Refuse.why`."""
