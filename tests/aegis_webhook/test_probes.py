"""Probes by way of the proxy."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_api.reading import ParseError
from aegis_webhook.decision import Refused
from aegis_webhook.probes import from_variable, hooks_at, to_variable, turn_back, turn_to_proxy
from support.admission import Object, pod


def probed(**probe: Any) -> Object:
    ports = [{"name": "http", "containerPort": 8080}, {"name": "bad", "containerPort": "x"}]
    return pod(containers=[{"name": "app", "ports": ports, "readinessProbe": probe}])


TURNED = {"httpGet": {"path": "/app-health/app/readiness", "port": 3129, "scheme": "HTTP"}}


@pytest.mark.parametrize(
    ("probe", "recorded"),
    [
        ({"httpGet": {"port": 8080}}, {"port": 8080, "path": "/", "scheme": "HTTP"}),
        ({"httpGet": {"port": "http", "path": "x?y"}}, {"port": 8080, "path": "/x?y", "scheme": "HTTP"}),
        (
            {"httpGet": {"port": 8080, "scheme": "HTTPS", "httpHeaders": [{"name": "A", "value": "b"}, {"name": "C"}]}},
            {
                "port": 8080,
                "path": "/",
                "scheme": "HTTPS",
                "headers": [{"name": "A", "value": "b"}, {"name": "C", "value": ""}],
            },
        ),
        ({"tcpSocket": {"port": "http"}}, {"port": 8080, "scheme": "TCP"}),
        ({"grpc": {"port": 8080, "service": "s"}}, {"port": 8080, "scheme": "GRPC", "service": "s"}),
        ({"grpc": {"port": 8080}}, {"port": 8080, "scheme": "GRPC"}),
    ],
    ids=["http", "named port", "headers", "tcp", "grpc", "grpc without service"],
)
def test_w08_a_probe_of_a_captured_port_asks_the_proxy(probe: dict[str, Any], recorded: dict[str, Any]) -> None:
    """The probe keeps its times, the proxy learns what was asked, and the way back leads to the same again."""
    document = probed(periodSeconds=3, **probe)
    found = turn_to_proxy(document, lambda port: port == 8080)
    assert found == {"app/readiness": recorded}
    assert document["spec"]["containers"][0]["readinessProbe"] == {"periodSeconds": 3, **TURNED}
    again = copy.deepcopy(document)
    turn_back(again, from_variable(to_variable(found)))
    assert turn_to_proxy(again, lambda port: port == 8080) == found
    assert again == document


@pytest.mark.parametrize(
    "probe",
    [
        {"exec": {"command": ["true"]}},
        {"httpGet": {"port": 9102}},
        {"httpGet": {"port": "absent"}},
        {"httpGet": {"port": "bad"}},
        {"httpGet": {"port": 8080, "host": "10.0.0.1"}},
        {"tcpSocket": {}},
        {"httpGet": {"path": "/app-health/app/liveness", "port": 3129, "scheme": "HTTP"}},
        {},
    ],
    ids=["exec", "another port", "no such port", "bad port", "another host", "no port", "another path", "empty"],
)
def test_w08_other_probes_stay(probe: dict[str, Any]) -> None:
    """Only what would meet the policy is changed."""
    document = probed(**probe)
    assert turn_to_proxy(document, lambda port: port == 8080) == {}
    turn_back(document, {})
    assert document == probed(**probe)


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"port": 0}, r"httpGet.port: got 0, wanted a whole number from 1 to 65535"),
        ({"port": 8080, "path": "/a b"}, "httpGet.path: got"),
        ({"port": 8080, "scheme": "FTP"}, 'httpGet.scheme: got "FTP", wanted HTTP or HTTPS'),
        ({"port": 8080, "httpHeaders": [{"name": "a b"}]}, r"httpHeaders\[0\].name"),
        ({"port": 8080, "httpHeaders": [{"name": "a", "value": "b\r\nc"}]}, r"httpHeaders\[0\].value"),
    ],
)
def test_probes_that_no_proxy_could_ask_are_refused(asked: dict[str, Any], text: str) -> None:
    """What would stop the proxy at its start is told at admission."""
    with pytest.raises(ParseError, match=text):
        turn_to_proxy(probed(httpGet=asked), lambda port: True)


def test_a_probe_that_only_looks_turned_is_refused() -> None:
    """Nobody else may point probes at the proxy."""
    with pytest.raises(Refused, match="only the webhook makes probes of /app-health/app/readiness"):
        turn_back(probed(**TURNED), {})


@given(st.text(max_size=12))
def test_any_text_is_a_variable(text: str) -> None:
    """What somebody put in the place of AEGIS_PROBES is probes or nothing."""
    assert isinstance(from_variable(text), dict)


@pytest.mark.parametrize("text", ["", "[", "[]", '{"a":1}', "[" * 100_000])
def test_what_is_no_variable(text: str) -> None:
    """Damaged values count as empty."""
    assert from_variable(text) == {}


def test_w08_the_variable_is_not_expanded_by_the_kubelet() -> None:
    """A `$(NAME)` in a probe's path is not the kubelet's to fill."""
    recorded: dict[str, Object] = {"app/liveness": {"path": "/$(HOME)", "port": 1, "scheme": "HTTP"}}
    text = to_variable(recorded)
    assert "$" not in text
    assert json.loads(text) == recorded == from_variable(text)


def test_hooks_of_captured_ports_are_named() -> None:
    """A lifecycle hook by http is a caller without a token."""
    lifecycle = {
        "preStop": {"httpGet": {"port": 8080, "path": "/drain"}},
        "postStart": {"httpGet": {"port": 1}},
    }
    document = pod(containers=[{"name": "app", "lifecycle": lifecycle}])
    assert list(hooks_at(document, lambda port: port == 8080)) == ["spec.containers[0].lifecycle.preStop.httpGet"]
