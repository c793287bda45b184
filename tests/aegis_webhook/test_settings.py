"""What annotations ask for."""

import pytest

from aegis_api import annotations as names
from aegis_api.annotations import PREFIX
from aegis_api.reading import ParseError
from aegis_proxy.settings import UpstreamProtocol
from aegis_webhook.decision import Skip, SkipReason
from aegis_webhook.settings import KNOWN, Egress, Ingress, PodSettings, Redirect, read_pod_settings


def read(**annotations: str) -> PodSettings | Skip:
    return read_pod_settings({PREFIX + name.replace("_", "."): text for name, text in annotations.items()}, "shop")


def test_everything_that_can_be_asked_for() -> None:
    """Each annotation becomes a typed value."""
    settings = read(
        ingress="true",
        ingress_port="80,8443",
        ingress_policy="a,b",
        ingress_hosts="orders,x.shop.svc.cluster.local",
        egress="true",
        egress_authorization="keep",
        exclude_outbound_ports="5432",
        exclude_outbound_cidrs="10.0.0.0/8,fd00::/8",
        identity="orders",
        identity_provider="local,old",
        log_level="error",
        log_access="true",
        ingress_protocol="h2c",
        proxy_cpu_limit="1",
    )
    assert isinstance(settings, PodSettings)
    assert settings.ingress == Ingress((80, 8443), (), ("a", "b"), ("orders.shop.svc", "x.shop.svc"), "h2c")
    assert settings.egress == Egress((5432,), ("10.0.0.0/8", "fd00::/8"), "keep")
    assert (settings.identity, settings.providers) == ("orders", ("local", "old"))
    assert (settings.log_level, settings.log_access) == ("error", True)
    assert settings.redirect is Redirect.IPTABLES
    assert settings.resources.cpu_limit
    assert settings.resources.cpu_limit.text == "1"


def test_defaults() -> None:
    """One switch and an identity are enough."""
    assert read(egress="true", identity="orders") == PodSettings(None, Egress(), "orders")


@pytest.mark.parametrize(
    ("annotations", "reason"),
    [
        ({}, SkipReason.NOT_ASKED),
        ({"ingress": "false"}, SkipReason.SWITCHED_OFF),
        ({"egress": "false", "identity": "a"}, SkipReason.SWITCHED_OFF),
        ({"ingress": "false", "ingress_port": "x"}, SkipReason.SWITCHED_OFF),
    ],
)
def test_pods_that_ask_for_nothing(annotations: dict[str, str], reason: SkipReason) -> None:
    """Without a switch that is on, nothing is done, for a reason."""
    assert read(**annotations) == Skip((reason,))


def test_annotations_of_others_are_not_ours() -> None:
    """Only our prefix is read."""
    assert read_pod_settings({"example.com/ingress": "true"}, "shop") == Skip((SkipReason.NOT_ASKED,))


BASE = {"ingress": "true", "identity": "orders"}
TEXTS = ["exclude_inbound_ports", "ingress_policy", "ingress_hosts", "identity", "log_level", "log_access", "redirect"]
TEXTS += ["identity_provider", "proxy_cpu_request", "proxy_memory_limit", "ingress", "egress", "ingress_protocol"]
PORTS = ["80; curl evil | sh", "0", "65536", "-1", "８０", "", "80,", "80, 443", "80,80", "080", "1e3", "80\n", "3129"]


@pytest.mark.parametrize(
    ("annotations", "text"),
    [
        *[pytest.param({**BASE, "ingress_port": value}, "ingress.port]: got", id=f"W02-{value!r}") for value in PORTS],
        *[pytest.param({**BASE, name: "$(id)"}, f"{name.replace('_', '.')}]: got", id=f"W02-{name}") for name in TEXTS],
        *[
            pytest.param(
                {"egress": "true", "identity": "a", "exclude_outbound_cidrs": value}, "cidrs]: got", id=f"W02-{value}"
            )
            for value in ("10.0.0.1/8", "10.0.0.0", "x/8", "fe80::%eth0/64", "10.0.0.0/33", "10.0.0.0/8 -j ACCEPT")
        ],
        ({"ingress": "yes"}, 'ingress]: got "yes", wanted true or false'),
        ({**BASE, "identity_provider": "a, b"}, 'identity.provider]: got " b"'),
        ({**BASE, "identity_provider": "a,a"}, 'identity.provider]: got "a,a", wanted each item once'),
        ({**BASE, "identity_provider": "a,b,c,d,e,f,g,h,i"}, "wanted at most 8 providers"),
        ({"ingress": "true"}, "wanted aegisproxy.io/identity or aegisproxy.io/identity.provider beside it"),
        ({"identity": "a"}, 'identity]: got "a", wanted aegisproxy.io/ingress: "true" or aegisproxy.io/egress: "true"'),
        ({**BASE, "exclude_outbound_ports": "1"}, 'wanted aegisproxy.io/egress: "true" beside it'),
        ({**BASE, "ingress_port": "80", "exclude_inbound_ports": "1"}, "no aegisproxy.io/ingress.port beside it"),
        ({**BASE, "redirect": "none"}, "ingress.port]: got null, wanted one port"),
        ({**BASE, "redirect": "none", "exclude_inbound_ports": "1"}, 'aegisproxy.io/redirect: "iptables" beside it'),
        ({**BASE, "proxy_cpu_request": "2", "proxy_cpu_limit": "1"}, 'got "2", wanted at most the limit, 1'),
        ({**BASE, "ingress_hosts": "localhost"}, 'ingress.hosts]: got "localhost"'),
        ({**BASE, "egress_authorization": "keep"}, 'wanted aegisproxy.io/egress: "true" beside'),
        ({**BASE, "ingress_protocol": "H2C"}, 'ingress.protocol]: got "H2C", wanted auto or http1 or h2c'),
        ({"egress": "true", "identity": "a", "ingress_protocol": "h2c"}, 'wanted aegisproxy.io/ingress: "true" beside'),
        ({**BASE, "egres": "true"}, "the unknown annotation aegisproxy.io/egres, wanted a known one: the nearest is"),
    ],
)
def test_wrong_values_are_refused(annotations: dict[str, str], text: str) -> None:
    """A wrong value is refused with the annotation, what came and what was wanted."""
    with pytest.raises(ParseError) as error:
        read(**annotations)
    assert text in str(error.value)
    assert "metadata.annotations" in str(error.value)


def test_every_public_annotation_is_known() -> None:
    """What `aegis_api.annotations` names can be asked for."""
    named = {text for text in vars(names).values() if isinstance(text, str) and text.startswith(names.PREFIX)}
    assert sorted(KNOWN) == sorted(named - {names.PREFIX, names.INJECTED_LABEL})


@pytest.mark.parametrize("protocol", UpstreamProtocol)
def test_what_an_app_can_speak_is_what_its_proxy_understands(protocol: UpstreamProtocol) -> None:
    """Each value of --ingress-protocol."""
    settings = read(ingress="true", identity="orders", ingress_protocol=protocol.value)
    assert isinstance(settings, PodSettings)
    assert settings.ingress == Ingress(protocol=protocol.value)
