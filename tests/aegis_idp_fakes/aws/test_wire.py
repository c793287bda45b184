"""Answers of the AWS Query protocol."""

from xml.etree.ElementTree import fromstring

from aegis_idp_fakes.aws.wire import aws_error, good_answer, members, pairs


def test_values_become_elements() -> None:
    """Lists have members, and text is escaped."""
    answer = good_answer("urn:x", "Do", {"A": "<&>", "L": [{"K": "1"}, {"K": "2"}]})
    root = fromstring(answer.body)
    assert root.findtext("{*}DoResult/{*}A") == "<&>"
    assert [one.text for one in root.findall("{*}DoResult/{*}L/{*}member/{*}K")] == ["1", "2"]
    assert fromstring(good_answer("urn:x", "Do").body).find("{*}DoResult") is None


def test_errors_say_whose_fault_it_is() -> None:
    """By the status."""
    for status, kind in ((403, "Sender"), (500, "Receiver")):
        answer = aws_error(status, "Code", "a < b").answer
        root = fromstring(answer.body)
        assert (answer.status, root.findtext("{*}Error/{*}Type")) == (status, kind)
        assert root.findtext("{*}Error/{*}Message") == "a < b"


def test_lists_of_a_form_end_at_the_first_gap() -> None:
    """As AWS counts."""
    assert members({"A.member.1": "x", "A.member.2": "y", "A.member.4": "z"}, "A") == ["x", "y"]
    assert pairs({"T.member.1.Key": "k", "T.member.1.Value": "v", "T.member.2.Key": "e"}, "T") == {"k": "v", "e": ""}
