import argparse
from pathlib import Path

import pytest
from attrs import fields_dict

from aegis_proxy.flags import add_flags, host_port, read_settings
from aegis_proxy.probes import Probe
from aegis_proxy.settings import (
    HostPort,
    LogLevel,
    OwnAuthorization,
    Redirect,
    Settings,
    SettingsError,
    UpstreamProtocol,
)

DESIGN = {
    "--resources": "resources",
    "--namespace": "namespace",
    "--pod": "pod",
    "--identity": "identity",
    "--provider": "providers",
    "--policy": "policies",
    "--ingress-listen": "ingress_listen",
    "--ingress-upstream": "ingress_upstream",
    "--egress-listen": "egress_listen",
    "--admin-listen": "admin_listen",
    "--token-file": "token_file",
    "--log-level": "log_level",
    "--kubeconfig": "kubeconfig",
}


def read(*arguments: str, service_account: Path = Path("nowhere"), **environment: str) -> Settings:
    return read_from(list(arguments), environment, service_account)


def read_from(arguments: list[str], environment: dict[str, str], service_account: Path = Path("nowhere")) -> Settings:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_flags(parser)
    variables = {"AEGIS_RESOURCES": "mesh.yaml", **environment}
    return read_settings(parser.parse_args(arguments), variables, service_account)


def test_the_defaults_are_those_of_the_public_contract() -> None:
    """All listeners on, on their well-known ports."""
    settings = read()
    assert settings.ingress_listen == HostPort("0.0.0.0", 3127)
    assert settings.egress_listen == HostPort("127.0.0.1", 3128)
    assert settings.admin_listen == HostPort("0.0.0.0", 3129)
    assert (settings.ingress_upstream, settings.policies, settings.namespace) == (None, (), "default")
    assert (settings.log_level, settings.access_log, settings.redirect) == (LogLevel.INFO, False, Redirect.NONE)
    assert settings.secrets_dir == Path("/var/run/secrets/aegis/provider")
    assert (settings.max_staleness, settings.drain_grace, settings.probes) == (3600, 20, {})


VALUES: dict[str, tuple[str, object]] = {
    "resources": ("a.yaml", Path("a.yaml")),
    "kubeconfig": ("k", Path("k")),
    "namespace": ("shop", "shop"),
    "pod": ("orders-7", "orders-7"),
    "identity": ("me", "me"),
    "provider": ("corp,old", ("corp", "old")),
    "policy": ("a, b.c", ("a", "b.c")),
    "ingress-hosts": ("Orders.shop.svc.cluster.local,a.shop.svc", ("orders.shop.svc", "a.shop.svc")),
    "ingress-listen": ("[::1]:0", HostPort("::1", 0)),
    "ingress-upstream": ("localhost:80", HostPort("localhost", 80)),
    "egress-listen": ("", None),
    "admin-listen": ("127.0.0.1:1", HostPort("127.0.0.1", 1)),
    "redirect": ("iptables", Redirect.IPTABLES),
    "connect-to-file": ("c", Path("c")),
    "token-file": ("t", Path("t")),
    "secrets-dir": ("s", Path("s")),
    "probes": ('{"app/liveness": {"port": 8080}}', {"app/liveness": Probe(8080)}),
    "log-level": ("debug", LogLevel.DEBUG),
    "access-log": ("true", True),
    "max-staleness": ("0.5", 0.5),
    "drain-grace": ("7", 7.0),
    "egress-connect-ports": ("443,8443", (443, 8443)),
    "ingress-protocol": ("h2c", UpstreamProtocol.H2C),
    "egress-silence": ("0.5", 0.5),
    "egress-authorization": ("keep", OwnAuthorization.KEEP),
    "stream-grace": ("1", 1.0),
    "tunnel-idle": ("60", 60.0),
    "max-connections": ("100", 100),
    "min-body-rate": ("0", 0.0),
    "trace-endpoint": ("http://collector:4318/v1/traces", "http://collector:4318/v1/traces"),
    "trace-ratio": ("0.25", 0.25),
}
FIELDS = {"policy": "policies", "provider": "providers"}


@pytest.mark.parametrize("name", VALUES)
def test_every_flag_has_a_variable(name: str) -> None:
    """AEGIS_ and the name in upper case; the flag comes first."""
    text, value = VALUES[name]
    field, variable = FIELDS.get(name, name.replace("-", "_")), "AEGIS_" + name.upper().replace("-", "_")
    assert getattr(read(f"--{name}={text}"), field) == value
    assert getattr(read_from([], {variable: text}), field) == value
    assert getattr(read_from([f"--{name}={text}"], {variable: "!"}), field) == value


def test_every_setting_has_a_flag() -> None:
    """But the address that Kubernetes tells every pod."""
    flagged = {FIELDS.get(name, name.replace("-", "_")) for name in VALUES}
    assert flagged == set(fields_dict(Settings)) - {"in_cluster"}
    assert set(DESIGN.values()) <= flagged


def test_a_switch_needs_no_value() -> None:
    """--access-log alone is true."""
    assert read("--access-log").access_log


def test_an_empty_variable_is_not_given() -> None:
    """Only for listeners does it mean off."""
    settings = read(AEGIS_LOG_LEVEL="", AEGIS_POLICY="", AEGIS_INGRESS_LISTEN="", AEGIS_NAMESPACE="")
    assert (settings.log_level, settings.policies, settings.namespace) == (LogLevel.INFO, (), "default")
    assert settings.ingress_listen is None


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("namespace", "a.b", "the name of a namespace"),
        ("egress-connect-ports", "443,", "ports with commas"),
        ("egress-connect-ports", "0", "from 1 to 65535"),
        ("egress-connect-ports", "99999", "from 1 to 65535"),
        ("namespace", "-", "the name of a namespace"),
        ("identity", "A", "the name of a Kubernetes object"),
        ("provider", "a/b", "names of Kubernetes objects"),
        ("provider", "a,a", "each once"),
        ("provider", "a,b,c,d,e,f,g,h,i", "at most 8 providers"),
        ("pod", "a b", "the name of a Kubernetes object"),
        ("policy", "a,,b", "names of Kubernetes objects"),
        ("policy", "a,a", "each once"),
        ("ingress-hosts", "orders", "host names of Services"),
        ("ingress-hosts", "a.b.svc,*", "host names of Services"),
        ("ingress-listen", "3127", "HOST:PORT"),
        ("ingress-listen", ":3127", "HOST:PORT"),
        ("ingress-listen", "a:65536", "HOST:PORT"),
        ("ingress-listen", "::1:80", "HOST:PORT"),
        ("ingress-listen", "[1::2::3]:80", "HOST:PORT"),
        ("ingress-upstream", "127.0.0.1:0", "HOST:PORT"),
        ("egress-listen", "a b:1", "HOST:PORT"),
        ("redirect", "ebpf", "none or iptables"),
        ("log-level", "loud", "debug or info or warning or error"),
        ("access-log", "yes", "true or false"),
        ("max-staleness", "0", "a number of seconds above 0"),
        ("max-staleness", "-1", "a number of seconds above 0"),
        ("drain-grace", "1h", "a number of seconds above 0"),
        ("drain-grace", "nan", "a number of seconds above 0"),
        ("trace-endpoint", "collector:4318", "the URL of an OpenTelemetry collector"),
        ("trace-endpoint", "ftp://collector/", "the URL of an OpenTelemetry collector"),
        ("trace-ratio", "1.5", "a number from 0 to 1"),
        ("trace-ratio", "half", "a number from 0 to 1"),
        ("probes", "{", "a JSON object of probes"),
    ],
)
def test_a_bad_value_is_refused_with_what_was_wanted(name: str, text: str, wanted: str) -> None:
    """The sentence names where it came from."""
    with pytest.raises(SettingsError) as caught:
        read(f"--{name}={text}")
    assert str(caught.value).startswith(f'--{name}: got "{text}", wanted ')
    assert wanted in str(caught.value)
    variable = "AEGIS_" + name.upper().replace("-", "_")
    with pytest.raises(SettingsError, match=variable):
        read_from([], {variable: text})


def test_the_namespace_is_that_of_the_service_account(tmp_path: Path) -> None:
    """Where Kubernetes mounts one; a flag comes first."""
    (tmp_path / "namespace").write_text("shop\n")
    assert read(service_account=tmp_path).namespace == "shop"
    assert read("--namespace=other", service_account=tmp_path).namespace == "other"


@pytest.mark.parametrize("content", [b"", b"A B", b"\xff"])
def test_a_namespace_file_that_is_none_is_passed_over(tmp_path: Path, content: bytes) -> None:
    """As if there were none."""
    (tmp_path / "namespace").write_bytes(content)
    assert read(service_account=tmp_path).namespace == "default"


def test_kubernetes_tells_where_its_api_server_is() -> None:
    """By two variables in every container; IPv6 without brackets."""
    assert read(KUBERNETES_SERVICE_HOST="10.0.0.1").in_cluster == HostPort("10.0.0.1", 443)
    address = read(KUBERNETES_SERVICE_HOST="fd00::1", KUBERNETES_SERVICE_PORT="6443").in_cluster
    assert address == HostPort("fd00::1", 6443)
    assert str(address) == "[fd00::1]:6443"
    with pytest.raises(SettingsError, match="KUBERNETES_SERVICE_HOST"):
        read(KUBERNETES_SERVICE_HOST="a b")


def test_without_any_source_of_policy_the_proxy_does_not_start() -> None:
    """It says what to give."""
    with pytest.raises(SettingsError, match="--resources PATH or --kubeconfig PATH"):
        read(AEGIS_RESOURCES="")


def test_an_address_is_read_into_its_usual_form() -> None:
    """Lower case, and IPv6 as it is written for short."""
    assert host_port("LOCALHOST:80") == HostPort("localhost", 80)
    assert host_port("[::0001]:80") == HostPort("::1", 80)


@pytest.mark.parametrize("upstream", ["127.0.0.1:3127", "localhost:3128", "[::1]:3129", "0.0.0.0:3127"])
def test_e04_the_app_is_not_the_proxy_itself(upstream: str) -> None:
    """Requests would go round in circles."""
    with pytest.raises(SettingsError, match="the proxy itself"):
        read(f"--ingress-upstream={upstream}")


def test_connect_may_be_switched_off() -> None:
    """By an empty list of ports."""
    assert read(AEGIS_EGRESS_CONNECT_PORTS="").egress_connect_ports == ()
    assert read().egress_connect_ports == (443,)
