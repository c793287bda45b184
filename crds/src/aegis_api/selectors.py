"""Kubernetes label selectors."""

from collections.abc import Mapping
from enum import Enum

from attrs import field, frozen

from aegis_api.reading import Node


class Operator(Enum):
    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


_OPERATORS = {operator.value: operator for operator in Operator}


@frozen
class Requirement:
    """One condition on the labels of an object."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        if self.operator is Operator.IN:
            return labels.get(self.key) in self.values
        if self.operator is Operator.NOT_IN:
            return labels.get(self.key) not in self.values
        return (self.key in labels) == (self.operator is Operator.EXISTS)


@frozen
class LabelSelector:
    """All requirements must hold. `{}` (no requirement) selects everything; an absent selector selects nothing."""

    requirements: tuple[Requirement, ...] = field(default=())

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(requirement.matches(labels) for requirement in self.requirements)


def label_selector(node: Node) -> LabelSelector:
    """Reads `{matchLabels: {...}, matchExpressions: [...]}`."""
    fields = node.fields()
    labels, expressions = fields.optional("matchLabels"), fields.optional("matchExpressions")
    fields.done()
    equal = [Requirement(key, Operator.IN, (value.string(),)) for key, value in labels.entries()] if labels else []
    return LabelSelector((*equal, *(expressions.list_of(_requirement) if expressions else ())))


def _requirement(node: Node) -> Requirement:
    fields = node.fields()
    key, operator = fields.required("key").string(), fields.required("operator").one_of(_OPERATORS)
    values_node = fields.optional("values")
    fields.done()
    values = values_node.list_of(Node.string) if values_node else ()
    if (operator in (Operator.IN, Operator.NOT_IN)) != bool(values):
        raise node.refuse("values for In and NotIn, and none for Exists and DoesNotExist")
    return Requirement(key, operator, values)
