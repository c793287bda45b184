from aegis_proxy.core.listing_words import Apply, Listed, Target


def test_documents_do_not_show() -> None:
    """What is said goes to logs; a whole object does not."""
    assert "secret" not in repr(Listed({"a": "secret"})) + repr(Apply({"a": "secret"}))


def test_a_target_shows_its_namespace_if_it_has_one() -> None:
    """As people write objects."""
    assert str(Target("v1", "Identity", "shop", "a")) == "Identity shop/a"
