"""What is put into a pod; the cases in `tests/cases/webhook` hold the whole of it."""

import argparse
import json
import re

import pytest

from aegis_idp.mounts import token_file
from aegis_idp.values import PodNeeds, ProjectedToken, SecretKey
from aegis_proxy.flags import add_flags, read_settings
from aegis_webhook.decision import Object
from aegis_webhook.grants import Grant
from aegis_webhook.options import Options
from aegis_webhook.settings import Egress, Ingress, PodSettings
from aegis_webhook.sidecar import init_container, proxy_container, volumes
from support.admission import Case, cases

OPTIONS = Options("image")


def test_x21_the_redirection_takes_no_shell_and_no_text() -> None:
    """Every argument of the init container is a fixed word, or numbers, networks and commas."""
    for case in cases():
        for container in case.document.get("injected", {"spec": {}})["spec"].get("initContainers", []):
            if container["name"] == "aegis-init":
                assert container["command"] == ["aegis-proxy"]
                assert container["args"][0] == "redirect"
                for flag in container["args"][1:]:
                    assert re.fullmatch(r"--[a-z-]+=(?:all|[0-9a-f.:/,]+)", flag), flag
                assert "env" not in container


@pytest.mark.parametrize(
    ("settings", "flags"),
    [
        (PodSettings(Ingress((80, 443)), None), ["--ingress-port=3127", "--inbound-ports=80,443"]),
        (
            PodSettings(Ingress(), None),
            ["--ingress-port=3127", "--inbound-ports=all", "--exclude-inbound-ports=3127,3128,3129"],
        ),
        (
            PodSettings(None, Egress((1, 2), ("10.0.0.0/8",))),
            ["--egress-port=3128", "--exclude-outbound-ports=1,2", "--exclude-outbound-cidrs=10.0.0.0/8"],
        ),
    ],
)
def test_w08_all_ports_that_were_listed_are_redirected(settings: PodSettings, flags: list[str]) -> None:
    """The flags say what is captured and what is left alone."""
    assert init_container(settings, OPTIONS, knative=False)["args"] == ["redirect", "--proxy-uid=1137", *flags]


def by_name(needs: PodNeeds) -> dict[str, Object]:
    return {volume["name"]: volume["projected"] for volume in volumes(needs)}


@pytest.mark.attack("S04")
def test_tokens_and_secrets_are_projected() -> None:
    """One volume for tokens, one for the keys of all Secrets, one for the API."""
    needs = PodNeeds(
        (ProjectedToken("a", 600), ProjectedToken("https://b", 700)),
        (SecretKey("s", "k"), SecretKey("s", "l"), SecretKey("t", "k")),
    )
    found = by_name(needs)
    assert set(found) == {"aegis-api-access", "aegis-tokens", "aegis-provider"}
    assert [source["serviceAccountToken"]["path"] for source in found["aegis-tokens"]["sources"]] == [
        "a",
        "https%3A%2F%2Fb",
    ]
    assert [[item["path"] for item in source["secret"]["items"]] for source in found["aegis-provider"]["sources"]] == [
        ["s/k", "s/l"],
        ["t/k"],
    ]


@pytest.mark.parametrize("audience", ["..", "..hidden", "a" * 256, "/" * 90, "https://idp/x"])
def test_a_token_lies_where_the_proxy_looks_for_it(audience: str) -> None:
    """Whatever the audience, in a file of a name that the kubelet takes."""
    (source,) = by_name(PodNeeds((ProjectedToken(audience),)))["aegis-tokens"]["sources"]
    assert source["serviceAccountToken"]["path"] == token_file(audience)


@pytest.mark.parametrize("case", [case for case in cases() if "injected" in case.document], ids=lambda case: case.name)
def test_the_proxy_understands_what_it_is_told(case: Case) -> None:
    """Every variable of the sidecar is one of the proxy's, and its value can be read; an empty listener is off."""
    proxy = next(item for item in case.document["injected"]["spec"]["initContainers"] if item["name"] == "aegis-proxy")
    told = {variable["name"]: variable.get("value", "shop") for variable in proxy["env"]}
    parser = argparse.ArgumentParser()
    add_flags(parser)
    nothing = parser.parse_args([])
    known = {"AEGIS_" + name.upper() for name in vars(nothing)} | {"AEGIS_POLICY", "AEGIS_PROVIDER"}
    assert set(told) <= known
    settings = read_settings(nothing, {**told, "KUBERNETES_SERVICE_HOST": "10.0.0.1"})
    annotations = case.document["pod"]["metadata"]["annotations"]
    assert (settings.ingress_listen is not None) == (annotations.get("aegisproxy.io/ingress") == "true")
    assert (settings.egress_listen is not None) == (annotations.get("aegisproxy.io/egress") == "true")
    assert settings.redirect.value == annotations.get("aegisproxy.io/redirect", "iptables")
    assert set(settings.probes) == set(json.loads(told.get("AEGIS_PROBES", "{}")))


def test_traces_of_the_whole_mesh() -> None:
    """What the webhook was told for all proxies, the proxy reads."""
    options = Options("image", "http://collector.tracing.svc:4318/v1/traces", "0.25")
    grant = Grant(None)
    proxy = proxy_container(PodSettings(Ingress((80,)), None, "orders"), grant, {}, options)
    environment = {entry["name"]: entry.get("value", "shop") for entry in proxy["env"]}
    parser = argparse.ArgumentParser()
    add_flags(parser)
    settings = read_settings(parser.parse_args([]), {**environment, "AEGIS_RESOURCES": "mesh.yaml"})
    assert (settings.trace_endpoint, settings.trace_ratio) == (options.trace_endpoint, 0.25)
