"""The tests of settings and needs fail for plugins that are wrong."""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from attrs import define, frozen

from aegis_idp.conformance import ProviderUnderTest
from aegis_idp.conformance.suite_settings import SettingsSuite
from aegis_idp.errors import Misconfigured
from aegis_idp.settings import setting
from aegis_idp.values import PodNeeds, ProjectedToken
from aegis_idp_template.plugin import TemplatePlugin

Make = Callable[..., ProviderUnderTest]
SUITE = SettingsSuite()


@frozen
class Undescribed:
    address: str


@define(eq=False)
class Incomparable:
    address: str = setting("Where.")


def _with(settings: type) -> Any:
    plugin: Any = TemplatePlugin()
    plugin.settings = settings
    return plugin


class Needs(TemplatePlugin):
    """Needs what a test says, in turn."""

    def __init__(self, *needs: Any) -> None:
        self._needs = itertools.cycle(needs)

    def pod_needs(self, settings: Any, pod: Any) -> Any:
        needs = next(self._needs)
        if isinstance(needs, Exception):
            raise needs
        return needs


def test_a_setting_without_description_fails(make: Make) -> None:
    """Documentation is made from descriptions."""
    with pytest.raises(AssertionError, match=r"config\.address has no description"):
        SUITE.test_the_schema_is_structural(make(_with(Undescribed)))


def test_settings_without_equality_fail(make: Make) -> None:
    """A host compares them to see whether anything changed."""
    with pytest.raises(AssertionError):
        SUITE.test_good_settings_are_read(make(_with(Incomparable)))


@pytest.mark.parametrize(
    "needs",
    [
        (None,),
        (PodNeeds(), PodNeeds((ProjectedToken("a"),))),
        (PodNeeds((ProjectedToken(""),)),),
        (PodNeeds((ProjectedToken("a"), ProjectedToken("a", 600))),),
    ],
    ids=["nothing", "changing", "no audience", "one audience twice"],
)
def test_odd_needs_fail(make: Make, needs: tuple[Any, ...]) -> None:
    """A pod's patch must be well-formed and the same each time."""
    with pytest.raises(AssertionError):
        SUITE.test_a_pod_needs_the_same_each_time(make(Needs(*needs)))


def test_a_refusal_without_reason_fails(make: Make) -> None:
    """The author of an Identity must hear why."""
    with pytest.raises(AssertionError):
        SUITE.test_what_cannot_be_done_per_destination_is_said(make(Needs(Misconfigured(""))))
    SUITE.test_what_cannot_be_done_per_destination_is_said(make(Needs(Misconfigured("because"))))


def test_a_plugin_that_raises_something_else_fails(make: Make) -> None:
    """Only Misconfigured is an answer."""
    with pytest.raises(KeyError):
        SUITE.test_what_cannot_be_done_per_destination_is_said(make(Needs(KeyError("x"))))


@frozen
class Outer:
    """Parts within parts, as a schema has them."""

    address: str = setting("Where.")
    names: tuple[str, ...] = setting("Names.", default=())
    labels: Mapping[str, str] = setting("Labels.", default={})
    inner: Undescribed | None = setting("More.", default=None)


def test_parts_of_parts_are_looked_at(make: Make) -> None:
    """Items and members are parts of a schema as well."""
    with pytest.raises(AssertionError, match=r"config\.inner\.address has no description"):
        SUITE.test_the_schema_is_structural(make(_with(Outer)))
