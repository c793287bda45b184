"""Texts with places for a subject."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_api.names import Subject
from aegis_idp_oidc.templates import check_subject_template, check_template, filled, subject_in

DOTTED = "aegis.{namespace}.{name}"

labels = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,10}[a-z0-9])?", fullmatch=True)
subjects = st.builds(Subject, labels, st.lists(labels, min_size=1, max_size=3).map(".".join))
separators = st.sampled_from(".:/_|~@")
prefixes = st.text(st.characters(min_codepoint=33, max_codepoint=122), max_size=12)


def test_a_template_is_filled_once() -> None:
    """A value that looks like a place is a value."""
    assert filled("{namespace}/{name}", namespace="{name}", name="x") == "{name}/x"


@given(prefix=prefixes, separator=separators, subject=subjects)
def test_a_subject_survives_its_text(prefix: str, separator: str, subject: Subject) -> None:
    """What a template writes, it reads as the same subject: no two subjects share a text."""
    template = f"{prefix}{{namespace}}{separator}{{name}}"
    check_subject_template(template)
    text = filled(template, namespace=subject.namespace, name=subject.name)
    assert subject_in(template, text) == subject


@pytest.mark.parametrize(
    "text",
    [
        "",
        "aegis.",
        "aegis.shop",
        "aegis.shop.",
        "aegis..orders",
        "AEGIS.shop.orders",
        "aegis.Shop.orders",
        "x.shop.orders",
        "aegis.shop.orders ",
        "aegis.shop.orders\n",
        "aegis.shop.or:ders",
        "aegis.shop..orders",
        " aegis.shop.orders",
    ],
)
def test_other_texts_are_nobody(text: str) -> None:
    """Nothing is trimmed, folded or guessed."""
    assert subject_in(DOTTED, text) is None


@pytest.mark.parametrize(
    "template",
    [
        "",
        "{name}",
        "{namespace}{name}",
        "{name}.{namespace}",
        "{namespace}-{name}",
        "{namespace}.{name}.x",
        "{namespace}..{name}",
        "a {namespace}.{name}",
        "{x}{namespace}.{name}",
        "{namespace}.{name}{name}",
        "{{namespace}.{name}",
    ],
)
def test_ambiguous_templates_are_refused(template: str) -> None:
    """What could be read as two subjects, or as none, is no template; it reads nothing either."""
    with pytest.raises(ValueError, match=r"PREFIX\{namespace\}SEPARATOR\{name\}"):
        check_subject_template(template)
    assert subject_in(template, "aegis.shop.orders") is None


def test_only_known_places_may_stand_in_a_text() -> None:
    """A misspelt place would go out as it is."""
    check_template("aegis.{namespace}.{name}", ("namespace", "name"))
    check_template("static", ())
    for text in ("{nmae}", "{", "}", "{name", "{audience}", "{}"):
        with pytest.raises(ValueError, match=r"no other places in the text than \{name\}"):
            check_template(text, ("name",))
