"""Dialogues with an API server in virtual time. K rows: faults of list and watch."""

import pytest
from attrs import define, field

from aegis_proxy.core.listing import Listing
from aegis_proxy.core.listing_words import (
    Action,
    Answered,
    Apply,
    Broke,
    Drop,
    Ended,
    Event,
    Expired,
    LineCame,
    List,
    Listed,
    Note,
    Opened,
    Refuse,
    RereadToken,
    Started,
    Target,
    Wait,
    Watch,
    Woke,
)
from support.listings import bookmark, came, error, line, listed, policy

TARGET = Target("aegis.aegisproxy.io/v1", "IngressPolicy", "shop", "orders")


@define
class Dialogue:
    """Notes are set apart: the rest is what happens."""

    listing: Listing = field(factory=lambda: Listing(TARGET))
    now: float = 0.0
    roll: float = 0.0
    notes: list[str] = field(factory=list)

    def say(self, event: Event, after: float = 0.0) -> list[Action]:
        self.now += after
        actions = self.listing.receive(event, self.now, self.roll)
        self.notes += [action.message for action in actions if isinstance(action, Note)]
        return [action for action in actions if not isinstance(action, Note)]

    def watching(self, version: int = 10, *items: object) -> "Dialogue":
        """As far as an open watch."""
        assert self.say(Started()) == [List()]
        self.say(listed(version, *(items or (policy(version),))))
        assert self.say(Opened()) == []
        return self


def applied(actions: list[Action]) -> object:
    (apply,) = [action for action in actions if isinstance(action, Apply)]
    return apply.document


def waited(actions: list[Action]) -> float:
    (wait,) = actions
    assert isinstance(wait, Wait)
    return wait.seconds


def test_a_list_is_applied_and_watched_from_its_version() -> None:
    """List, then watch from the list's resourceVersion."""
    dialogue = Dialogue()
    assert dialogue.say(Started()) == [List()]
    assert dialogue.say(listed(10, policy(7))) == [Apply(policy(7)), Watch("10", 60)]
    assert dialogue.listing.contact == 0.0


def test_an_empty_list_says_that_there_is_no_object() -> None:
    """Absence is knowledge as well."""
    dialogue = Dialogue()
    dialogue.say(Started())
    assert dialogue.say(listed(10)) == [Apply(None), Watch("10", 60)]


def test_items_of_a_list_may_leave_out_their_kind() -> None:
    """The API server does not repeat kind and apiVersion in the items of some lists."""
    item = {"metadata": policy(7)["metadata"], "spec": policy(7)["spec"]}
    dialogue = Dialogue()
    dialogue.say(Started())
    assert applied(dialogue.say(listed(10, item))) == policy(7)


def test_the_length_of_watches_is_spread() -> None:
    """Many proxies do not come back in the same second."""
    dialogue = Dialogue(roll=0.999)
    dialogue.say(Started())
    assert dialogue.say(listed(10))[-1] == Watch("10", 120)


def test_events_are_applied_in_their_order() -> None:
    """ADDED and MODIFIED replace the object."""
    dialogue = Dialogue().watching(10)
    assert dialogue.say(came("MODIFIED", policy(11, path="/a"))) == [Apply(policy(11, path="/a"))]
    assert dialogue.say(came("ADDED", policy(12))) == [Apply(policy(12))]
    dialogue.say(Ended(), after=60)


def test_k01_an_absent_server_is_asked_again_with_growing_delays() -> None:
    """For a minute nobody answers; then the first list is at most one delay away."""
    dialogue = Dialogue()
    dialogue.say(Started())
    delays: list[float] = []
    while sum(delays) < 60:
        delays.append(waited(dialogue.say(Broke("refused"))))
        assert dialogue.say(Woke(), after=delays[-1]) == [List()]
        assert dialogue.listing.contact is None
    assert delays[:4] == [0.8, 1.6, 3.2, 5.0]
    assert max(delays) == 5.0
    assert applied(dialogue.say(listed(3, policy(2)))) == policy(2)


def test_k01_delays_are_spread() -> None:
    """Jitter adds up to the whole delay."""
    dialogue = Dialogue(roll=0.5)
    dialogue.say(Started())
    assert waited(dialogue.say(Broke("refused"))) == pytest.approx(1.2)


def test_k01_after_many_failures_it_asks_less_often() -> None:
    """A server that stays away for long is not hammered."""
    dialogue = Dialogue()
    dialogue.say(Started())
    delays = [waited(dialogue.say(Broke("refused"))) for _ in range(30) if dialogue.say(Woke())]
    assert delays[-1] == 20.0


def test_k02_a_watch_that_ends_at_once_is_resumed_slowly() -> None:
    """Closed every 100 ms: no relist, no busy loop, at most 5 requests in the first 10 s."""
    dialogue = Dialogue()
    actions, requests = dialogue.say(Started()), 0
    while dialogue.now < 10:
        match actions:
            case [List()]:
                requests += 1
                actions = dialogue.say(listed(10, policy(10)))
            case [*_, Watch(version, _)]:
                requests += 1
                assert version == "10"
                dialogue.say(Opened())
                actions = dialogue.say(Ended(), after=0.1)
            case [Wait(seconds)]:
                actions = dialogue.say(Woke(), after=seconds)
            case _:
                pytest.fail(f"unexpected: {actions}")
    assert requests <= 5


def test_k02_a_watch_that_lasted_is_resumed_at_once() -> None:
    """The end that timeoutSeconds brings is the usual one."""
    dialogue = Dialogue().watching(10)
    assert dialogue.say(Ended(), after=60) == [Watch("10", 60)]


def test_k03_a_watch_that_breaks_is_resumed_where_it_was() -> None:
    """After a reset: a delay, then the last version that came whole."""
    dialogue = Dialogue().watching(10)
    dialogue.say(came("MODIFIED", policy(15)))
    assert waited(dialogue.say(Broke("reset"), after=30)) == 0.8
    assert dialogue.say(Woke()) == [Watch("15", 60)]


def test_k05_a_watch_in_silence_is_given_up_and_listed_anew() -> None:
    """What may have been missed is seen by the list."""
    dialogue = Dialogue().watching(10)
    assert dialogue.say(Expired(), after=70) == [List()]
    assert dialogue.listing.contact == 0.0


def test_k06_http_410_leads_to_a_list_that_replaces_all() -> None:
    """The object was deleted meanwhile: it disappears."""
    dialogue = Dialogue().watching(10)
    dialogue.say(Ended(), after=60)
    assert dialogue.say(Answered(410)) == [List()]
    assert dialogue.say(listed(90)) == [Apply(None), Watch("90", 60)]


def test_k06_410_in_the_stream_leads_to_a_list() -> None:
    """The same, said by an event; a change during the gap is seen."""
    dialogue = Dialogue().watching(10)
    assert dialogue.say(came("ERROR", error(410)), after=20) == [Drop(), List()]
    assert applied(dialogue.say(listed(90, policy(80, path="/b")))) == policy(80, path="/b")


def test_k06_410_again_and_again_is_no_busy_loop() -> None:
    """The first list comes at once, the next ones after delays."""
    dialogue = Dialogue().watching(10)
    dialogue.say(came("ERROR", error(410)), after=20)
    assert waited(dialogue.say(Answered(410))) == 0.8
    dialogue.say(Woke())
    dialogue.say(listed(90))
    dialogue.say(Opened())
    assert dialogue.say(came("ERROR", error(410))) == [Drop(), Wait(1.6)]


def test_k06_a_page_of_a_list_is_not_taken_for_the_list() -> None:
    """No pages are asked for; one that comes says nothing about what it lacks."""
    document = {"metadata": {"resourceVersion": "10", "continue": "abc"}, "items": []}
    dialogue = Dialogue()
    dialogue.say(Started())
    assert waited(dialogue.say(Listed(document))) == 0.8


def test_k07_an_older_list_is_not_applied() -> None:
    """A second API server that lags behind does not bring back an old policy."""
    dialogue = Dialogue().watching(100)
    dialogue.say(Expired(), after=70)
    assert waited(dialogue.say(listed(50, policy(40, path="/old")))) == 0.8
    dialogue.say(Woke())
    assert applied(dialogue.say(listed(101, policy(101)))) == policy(101)


def test_k07_a_history_that_was_set_back_is_taken_in_the_end() -> None:
    """After a restore of etcd all lists are older; five in a row are believed."""
    dialogue = Dialogue().watching(100)
    dialogue.say(Expired(), after=70)
    for _ in range(4):
        waited(dialogue.say(listed(50, policy(40))))
        dialogue.say(Woke())
    assert dialogue.say(listed(50, policy(40))) == [Apply(policy(40)), Watch("50", 60)]


def test_k08_retry_after_is_honoured() -> None:
    """429 on the watch: later, from the same version."""
    dialogue = Dialogue().watching(10)
    dialogue.say(Ended(), after=60)
    assert waited(dialogue.say(Answered(429, 5.0))) == 5.0
    assert dialogue.say(Woke()) == [Watch("10", 60)]


def test_k08_retry_after_has_a_bound() -> None:
    """A server does not silence its clients for a day."""
    dialogue = Dialogue()
    dialogue.say(Started())
    assert waited(dialogue.say(Answered(503, 86400.0))) == 120.0


def test_k08_429_without_delay_backs_off() -> None:
    """And keeps the version."""
    dialogue = Dialogue().watching(10)
    dialogue.say(Ended(), after=60)
    assert waited(dialogue.say(Answered(429))) == 0.8
    assert dialogue.say(Woke()) == [Watch("10", 60)]


@pytest.mark.parametrize("status", [400, 403, 404, 500, 503, 504])
def test_k08_other_answers_to_a_watch_lead_to_a_list(status: int) -> None:
    """504 is "too large resource version"; what is known stays until the list says otherwise."""
    dialogue = Dialogue().watching(10)
    dialogue.say(Ended(), after=60)
    assert waited(dialogue.say(Answered(status))) == 0.8
    assert dialogue.say(Woke()) == [List()]


@pytest.mark.parametrize("status", [403, 404])
def test_k08_a_list_that_is_refused_is_reported_and_tried_again(status: int) -> None:
    """The right to read, or the kind itself, may come later."""
    dialogue = Dialogue()
    dialogue.say(Started())
    assert dialogue.say(Answered(status)) == [Refuse(status), Wait(0.8)]
    assert dialogue.say(Woke()) == [List()]
    assert dialogue.listing.contact is None


def test_k08_k15_401_rereads_the_token_once_and_then_backs_off() -> None:
    """A token that was rotated is had at once; one that is refused again is not sent in a loop."""
    dialogue = Dialogue()
    dialogue.say(Started())
    assert dialogue.say(Answered(401)) == [RereadToken(), List()]
    assert waited(dialogue.say(Answered(401))) == 0.8
    dialogue.say(Woke())
    dialogue.say(listed(10))
    assert dialogue.say(Answered(401)) == [RereadToken(), Watch("10", 60)]


@pytest.mark.parametrize(
    "text",
    [b"{", b"[" * 100_000, b"null", b"[]", b"7", b'{"type":"ADDED"}', b'{"type":"ADDED","object":null}', b"\xff"],
    ids=["cut", "deep", "null", "list", "number", "no-object", "null-object", "no-utf8"],
)
def test_k10_a_line_that_is_no_event_leads_to_a_list(text: bytes) -> None:
    """Whatever was lost in it is seen by the list."""
    dialogue = Dialogue().watching(10)
    assert dialogue.say(LineCame(text)) == [Drop(), Wait(0.8)]
    assert dialogue.say(Woke()) == [List()]


@pytest.mark.parametrize(
    "document",
    [
        {**policy(11), "kind": "Identity"},
        {**policy(11), "apiVersion": "v2"},
        {**policy(11), "metadata": None},
        {**policy(11), "metadata": {"name": "orders", "namespace": "shop"}},
        {**policy(11), "metadata": {**policy(11)["metadata"], "resourceVersion": ""}},
        {**policy(11), "metadata": {**policy(11)["metadata"], "uid": 7}},
    ],
    ids=["kind", "version", "no-metadata", "no-resource-version", "empty-resource-version", "uid"],
)
@pytest.mark.parametrize("kind", ["ADDED", "MODIFIED", "DELETED", "BOOKMARK"])
def test_k10_an_event_about_something_else_leads_to_a_list(kind: str, document: object) -> None:
    """It is not guessed what a strange event means."""
    dialogue = Dialogue().watching(10)
    assert dialogue.say(came(kind, document)) == [Drop(), Wait(0.8)]


def test_k10_events_of_unknown_types_are_passed_over() -> None:
    """Later versions of the API may have more."""
    dialogue = Dialogue().watching(10)
    assert dialogue.say(came("FOO", policy(11))) == []
    assert dialogue.notes == ["an event of a type that is not known"]


def test_k10_a_bookmark_moves_the_version_and_nothing_else() -> None:
    """The next watch starts there; a bookmark never leads back."""
    dialogue = Dialogue().watching(10)
    assert dialogue.say(came("BOOKMARK", bookmark(50))) == []
    assert dialogue.say(came("BOOKMARK", bookmark(40))) == []
    assert dialogue.say(Ended(), after=60) == [Watch("50", 60)]


def test_k10_what_is_known_already_is_not_applied_again() -> None:
    """A duplicate ADDED says nothing new."""
    dialogue = Dialogue().watching(10)
    assert dialogue.say(came("ADDED", policy(10))) == []
    assert dialogue.say(came("MODIFIED", policy(9))) == []


def test_k10_the_deletion_of_what_was_not_there() -> None:
    """It stays away."""
    dialogue = Dialogue().watching(10, policy(3, name="other"))
    assert applied(dialogue.say(came("DELETED", policy(11)))) is None


def test_k10_an_error_in_the_stream_leads_to_a_list() -> None:
    """After a delay: it is not 410."""
    dialogue = Dialogue().watching(10)
    assert dialogue.say(came("ERROR", error(500, "InternalError"))) == [Drop(), Wait(0.8)]
    assert dialogue.say(Woke()) == [List()]


def test_k11_a_deletion_is_applied() -> None:
    """What follows is for whoever hears of it: deny."""
    dialogue = Dialogue().watching(10)
    assert dialogue.say(came("DELETED", policy(11))) == [Apply(None)]


def test_k11_a_deletion_from_the_past_is_looked_into() -> None:
    """It is neither believed nor ignored: a list tells."""
    dialogue = Dialogue().watching(10)
    assert dialogue.say(came("DELETED", policy(9))) == [Drop(), List()]


@pytest.mark.parametrize("other", [policy(11, name="other"), policy(11, namespace="other")], ids=["name", "namespace"])
def test_k18_events_of_other_objects_are_filtered(other: dict[str, object]) -> None:
    """A server that ignores the field selector does not widen what is watched."""
    dialogue = Dialogue().watching(10)
    assert dialogue.say(came("ADDED", other)) == []
    assert dialogue.say(came("DELETED", {**other, "metadata": {**other["metadata"], "resourceVersion": "12"}})) == []  # type: ignore[dict-item]  # the metadata is an object
    assert dialogue.say(Ended(), after=60) == [Watch("12", 60)]


def test_k18_other_objects_of_a_list_are_filtered() -> None:
    """The same for lists."""
    dialogue = Dialogue()
    dialogue.say(Started())
    items = [policy(1, name="a"), policy(2, namespace="b"), policy(3)]
    assert applied(dialogue.say(listed(10, *items))) == policy(3)


def test_k19_an_object_of_the_same_name_is_a_new_object() -> None:
    """Deleted and made again, with another uid."""
    dialogue = Dialogue().watching(10)
    dialogue.say(came("DELETED", policy(11)))
    assert applied(dialogue.say(came("ADDED", policy(12, uid="u2")))) == policy(12, uid="u2")


def test_k19_an_object_of_the_same_name_without_a_deletion() -> None:
    """The deletion was missed; the new object counts."""
    dialogue = Dialogue().watching(10)
    assert applied(dialogue.say(came("ADDED", policy(12, uid="u2")))) == policy(12, uid="u2")


def test_k19_a_new_object_with_a_lower_version_is_confirmed_by_a_list() -> None:
    """Only a quorum read tells it from a replay of the past."""
    dialogue = Dialogue().watching(10)
    assert dialogue.say(came("ADDED", policy(5, uid="u2"))) == [Drop(), List()]
    assert applied(dialogue.say(listed(11, policy(5, uid="u2")))) == policy(5, uid="u2")


def test_versions_that_are_no_numbers_are_new_if_they_differ() -> None:
    """Other storage than etcd may have its own; nothing is known of their order."""
    dialogue = Dialogue()
    dialogue.say(Started())
    dialogue.say(listed("abc", policy("abc")))
    dialogue.say(Opened())
    assert dialogue.say(came("MODIFIED", policy("abd"))) == [Apply(policy("abd"))]
    assert dialogue.say(came("MODIFIED", policy("abd"))) == []
    dialogue.say(Expired(), after=70)
    assert applied(dialogue.say(listed("abb", policy("abb")))) == policy("abb")


@pytest.mark.parametrize(
    "document",
    [
        None,
        {},
        {"items": None, "metadata": {"resourceVersion": "1"}},
        {"items": []},
        {"items": [], "metadata": {"resourceVersion": ""}},
        {"items": [], "metadata": {"resourceVersion": 1}},
        {"items": [None], "metadata": {"resourceVersion": "1"}},
        {"items": [{"kind": "Pod"}], "metadata": {"resourceVersion": "1"}},
    ],
    ids=["null", "empty", "no-items", "no-metadata", "empty-version", "number", "null-item", "other-kind"],
)
def test_a_list_that_is_none_changes_nothing(document: object) -> None:
    """It is asked for again, and is no sign of life."""
    dialogue = Dialogue()
    dialogue.say(Started())
    assert waited(dialogue.say(Listed(document))) == 0.8
    assert dialogue.listing.contact is None


def test_a_good_watch_makes_failures_forgotten() -> None:
    """The next failure waits as short as the first."""
    dialogue = Dialogue().watching(10)
    for _ in range(5):
        dialogue.say(Broke("reset"))
        dialogue.say(Woke())
        dialogue.say(Opened())
    dialogue.say(came("BOOKMARK", bookmark(20)), after=15)
    assert waited(dialogue.say(Broke("reset"))) == 0.8


def test_every_line_is_a_sign_of_life() -> None:
    """`contact` is what staleness is measured by."""
    dialogue = Dialogue().watching(10)
    dialogue.say(LineCame(line("BOOKMARK", bookmark(20))), after=33)
    assert dialogue.listing.contact == 33.0


def test_targets_show_as_people_write_them() -> None:
    """For the log."""
    assert str(TARGET) == "IngressPolicy shop/orders"
    assert str(Target("v1", "ClusterIdentityProvider", "", "corp")) == "ClusterIdentityProvider corp"
