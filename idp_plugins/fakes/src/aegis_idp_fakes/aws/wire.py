"""Answers of the AWS Query protocol, and errors of the AWS JSON protocol."""

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from aegis_idp.conformance.loopback import Answer
from aegis_idp_fakes.server import Refusal

Value = str | Mapping[str, "Value"] | Sequence["Value"]

_XML = {"content-type": "text/xml"}
_METADATA = "<ResponseMetadata><RequestId>00000000-0000-0000-0000-000000000000</RequestId></ResponseMetadata>"


def good_answer(namespace: str, action: str, result: Mapping[str, Value] | None = None) -> Answer:
    """ACTIONResponse, with an ACTIONResult where the action has one."""
    body = "" if result is None else _written({f"{action}Result": result})
    text = f'<{action}Response xmlns="{namespace}">{body}{_METADATA}</{action}Response>'
    return Answer(200, text.encode(), _XML)


def aws_error(status: int, code: str, message: str) -> Refusal:
    return Refusal(error_answer(status, code, message))


def error_answer(status: int, code: str, message: str) -> Answer:
    error = _written({"Error": {"Type": "Sender" if status < 500 else "Receiver", "Code": code, "Message": message}})
    text = f'<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">{error}<RequestId>0</RequestId>'
    return Answer(status, f"{text}</ErrorResponse>".encode(), _XML)


def json_error(code: str, message: str) -> Refusal:
    """As cognito-identity says no: always with the status 400."""
    return Refusal(json_error_answer(code, message))


def json_error_answer(code: str, message: str) -> Answer:
    return Answer.json(400, {"__type": code, "message": message})


def _written(value: Value) -> str:
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, Mapping):
        return "".join(f"<{name}>{_written(part)}</{name}>" for name, part in value.items())
    return "".join(f"<member>{_written(part)}</member>" for part in value)


def members(form: Mapping[str, str], name: str) -> list[str]:
    """The list NAME.member.1, NAME.member.2, ... of a form."""
    found: list[str] = []
    while (value := form.get(f"{name}.member.{len(found) + 1}")) is not None:
        found.append(value)
    return found


def pairs(form: Mapping[str, str], name: str) -> dict[str, str]:
    """The list NAME.member.1.Key, NAME.member.1.Value, ... of a form."""
    found: dict[str, str] = {}
    while (key := form.get(f"{name}.member.{len(found) + 1}.Key")) is not None:
        found[key] = form.get(f"{name}.member.{len(found) + 1}.Value", "")
    return found
