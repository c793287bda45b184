import json

import pytest

from aegis_proxy.probes import Probe, Scheme, read_probes


def test_probes_are_read_as_kubernetes_writes_them() -> None:
    """What is left out has Kubernetes' defaults."""
    text = json.dumps(
        {
            "app/readiness": {
                "port": 8080,
                "path": "/ready?x=1",
                "scheme": "HTTPS",
                "headers": [{"name": "Host", "value": "a"}, {"name": "X-A"}],
            },
            "app-2/startup": {"port": 1},
            "app/liveness": {"port": 2, "scheme": "TCP"},
            "b/liveness": {"port": 3, "scheme": "GRPC", "service": "orders"},
        }
    )
    assert read_probes(text) == {
        "app/readiness": Probe(8080, Scheme.HTTPS, "/ready?x=1", (("Host", "a"), ("X-A", ""))),
        "app-2/startup": Probe(1),
        "app/liveness": Probe(2, Scheme.TCP),
        "b/liveness": Probe(3, Scheme.GRPC, service="orders"),
    }


def test_no_text_is_no_probes() -> None:
    """The variable may be empty."""
    assert read_probes("") == {}


@pytest.mark.parametrize(
    "probes",
    [
        [],
        7,
        {"app": {"port": 1}},
        {"app/other": {"port": 1}},
        {"../liveness": {"port": 1}},
        {"app/liveness": {}},
        {"app/liveness": {"port": 0}},
        {"app/liveness": {"port": "http"}},
        {"app/liveness": {"port": 1, "path": "x"}},
        {"app/liveness": {"port": 1, "path": "/ x"}},
        {"app/liveness": {"port": 1, "path": "/\r\nx"}},
        {"app/liveness": {"port": 1, "scheme": "FTP"}},
        {"app/liveness": {"port": 1, "host": "evil"}},
        {"app/liveness": {"port": 1, "scheme": "TCP", "path": "/"}},
        {"app/liveness": {"port": 1, "service": "a"}},
        {"app/liveness": {"port": 1, "scheme": "GRPC", "service": "a b"}},
        {"app/liveness": {"port": 1, "headers": {"a": "b"}}},
        {"app/liveness": {"port": 1, "headers": [{"name": "a b"}]}},
        {"app/liveness": {"port": 1, "headers": [{"name": "a", "value": "b\r\nc: d"}]}},
    ],
)
def test_anything_else_is_refused(probes: object) -> None:
    """Above all what would make another request than one to the app."""
    with pytest.raises(ValueError, match="a JSON object of probes"):
        read_probes(json.dumps(probes))


def test_text_that_is_no_json_is_refused() -> None:
    """Also when it nests without end."""
    for text in ("{", "[" * 100_000):
        with pytest.raises(ValueError, match="a JSON object of probes"):
            read_probes(text)
