"""The decision about a pod, by cases: one file holds a pod, what the cluster holds, and what becomes of it."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis_webhook.cluster import ClusterError
from aegis_webhook.decision import Inject, Refuse, Skip
from support.admission import Case, Object, cases, injector, pod, usual_cluster
from support.pod_security import violations

INJECTED = [case for case in cases() if "injected" in case.document]


def by_name(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", cases(), ids=by_name)
def test_what_becomes_of_the_pod(case: Case) -> None:
    """The pod of a case is injected as written there, skipped for the reasons there, or refused in those words."""
    before = copy.deepcopy(case.document["pod"])
    decision = injector(case.cluster).decide(case.document["pod"], "shop")
    assert case.document["pod"] == before
    match decision:
        case Inject(changed, warnings):
            assert changed == case.document["injected"]
            assert list(warnings) == case.document.get("warnings", [])
        case Skip(reasons):
            assert [reason.name for reason in reasons] == case.document["skip"]
        case Refuse(why, code):
            assert case.document["refuse"] in why
            assert code == 403


@pytest.mark.parametrize("case", INJECTED, ids=by_name)
def test_injection_is_idempotent(case: Case) -> None:
    """A pod that was injected is left as it is: reinvocation changes nothing."""
    again = injector(case.cluster).decide(case.document["injected"], "shop")
    assert isinstance(again, Inject)
    assert again.pod == case.document["injected"]


def as_stored(document: Object) -> Object:
    """The pod with what the API server and its built-in plugins add between two looks."""
    stored = copy.deepcopy(document)
    spec = stored["spec"]
    for container in [*spec["initContainers"], *spec["containers"]]:
        container.setdefault("terminationMessagePath", "/dev/termination-log")
        container.setdefault("terminationMessagePolicy", "File")
        container["imagePullPolicy"] = "Always"
        container.setdefault("resources", {}).setdefault("limits", {}).setdefault("cpu", "2")
        mounts = container.setdefault("volumeMounts", [])
        path = "/var/run/secrets/kubernetes.io/serviceaccount"
        if not any(mount["mountPath"] == path for mount in mounts):
            mounts.append({"name": "kube-api-access-x7x7x", "mountPath": path, "readOnly": True})
        for variable in container.get("env", []):
            if variable.get("value") == "":
                del variable["value"]
    spec["volumes"].append({"name": "kube-api-access-x7x7x", "projected": {"defaultMode": 420, "sources": []}})
    spec |= {"dnsPolicy": "ClusterFirst", "serviceAccount": spec.get("serviceAccountName", "default")}
    return stored


@pytest.mark.parametrize("case", INJECTED, ids=by_name)
def test_injection_knows_its_work_again_after_the_api_server_added_its_own(case: Case) -> None:
    """W09: defaults, pull policies, limits and the API's token mount do not make the sidecar a foreign one."""
    stored = as_stored(case.document["injected"])
    again = injector(case.cluster).decide(stored, "shop")
    assert isinstance(again, Inject), again
    assert again.pod == stored


PROXY: Object = {"image": "evil", "command": ["sh"], "args": ["run", "--resources", "/mine"], "restartPolicy": "Never"}
PROXY |= {"env": [], "envFrom": [{"configMapRef": {"name": "mine"}}], "volumeMounts": [], "securityContext": {}}
PROXY |= {
    "lifecycle": {"postStart": {"exec": {"command": ["sh"]}}},
    "startupProbe": {"exec": {"command": ["sh"]}},
    "workingDir": "/mine",
}
PROXY |= {"resources": {}, "ports": []}


@pytest.mark.parametrize("container", [0, 1], ids=["aegis-init", "aegis-proxy"])
@pytest.mark.parametrize("field", PROXY)
def test_w03_a_sidecar_that_was_tampered_with_is_refused(container: int, field: str) -> None:
    """A container of our name is admitted only as the webhook makes it."""
    injected = next(case for case in INJECTED if case.name == "ingress-and-egress").document["injected"]
    tampered = copy.deepcopy(injected)
    tampered["spec"]["initContainers"][container][field] = PROXY[field]
    decision = injector(usual_cluster()).decide(tampered, "shop")
    if tampered == injected or (field in ("env", "volumeMounts", "ports") and container == 0):
        assert isinstance(decision, Inject)
        return
    assert isinstance(decision, Refuse)
    assert "is not as the webhook makes it" in decision.why


@pytest.mark.parametrize(
    "tamper",
    [
        lambda spec: spec["initContainers"][1]["env"].append({"name": "AEGIS_RESOURCES", "value": "/mine"}),
        lambda spec: spec["initContainers"][1]["volumeMounts"].append({"name": "mine", "mountPath": "/etc"}),
        lambda spec: spec["initContainers"][0]["securityContext"].update(privileged=True),
        lambda spec: spec["volumes"][0]["projected"]["sources"].append({"configMap": {"name": "mine"}}),
        lambda spec: spec["initContainers"].append(spec["initContainers"][1]),
        lambda spec: spec["initContainers"].pop(0) and spec["volumes"].append({"name": "aegis-provider"}),
    ],
    ids=["variable", "mount", "privileged", "volume source", "twice", "volume of our name"],
)
def test_w03_what_is_added_to_our_parts_is_refused(tamper: Any) -> None:
    """Nothing can be slipped into the sidecar, nor beside it under our names."""
    injected = next(case for case in INJECTED if case.name == "ingress-and-egress").document["injected"]
    tampered = copy.deepcopy(injected)
    tamper(tampered["spec"])
    assert isinstance(injector(usual_cluster()).decide(tampered, "shop"), Refuse)


def test_w04_init_containers_before_ours_are_moved_behind() -> None:
    """The redirection and the proxy come first, whatever order the author wrote."""
    injected = next(case for case in INJECTED if case.name == "job").document["injected"]
    turned = copy.deepcopy(injected)
    turned["spec"]["initContainers"].reverse()
    again = injector(usual_cluster()).decide(turned, "shop")
    assert isinstance(again, Inject)
    assert again.pod == injected


def test_w01_null_counts_as_absent() -> None:
    """Members that are null are made as if they were not there."""
    document = pod({"egress": "true", "identity": "orders", "redirect": "none"}, initContainers=None, volumes=None)
    document["metadata"]["labels"] = None
    document["spec"]["containers"][0] |= {"env": None, "ports": None, "securityContext": None, "readinessProbe": None}
    decision = injector(usual_cluster()).decide(document, "shop")
    assert isinstance(decision, Inject)
    assert decision.pod["metadata"]["labels"] == {"aegisproxy.io/injected": "true"}
    assert len(decision.pod["spec"]["containers"][0]["env"]) == 4


def test_w05_no_variable_of_the_app_reaches_the_proxy() -> None:
    """AEGIS_ and OTEL_ variables of the app stay in the app."""
    app = {"name": "app", "image": "app", "env": [{"name": "AEGIS_POLICY", "value": "mine"}, {"name": "OTEL_X"}]}
    decision = injector(usual_cluster()).decide(
        pod({"ingress": "true", "ingress.port": "80", "identity": "orders"}, containers=[app]), "shop"
    )
    assert isinstance(decision, Inject)
    names = [variable["name"] for variable in decision.pod["spec"]["initContainers"][1]["env"]]
    assert "OTEL_X" not in names
    assert "AEGIS_POLICY" not in names


@pytest.mark.parametrize("case", INJECTED, ids=by_name)
def test_w06_our_volumes_are_mounted_in_the_proxy_only(case: Case) -> None:
    """No other container sees a token or a secret of the proxy."""
    spec = case.document["injected"]["spec"]
    ours = {volume["name"] for volume in spec["volumes"] if volume["name"].startswith("aegis-")}
    for container in [*spec["initContainers"], *spec["containers"]]:
        mounted = {mount["name"] for mount in container.get("volumeMounts", [])} & ours
        assert mounted == (ours if container["name"] == "aegis-proxy" else set())


@pytest.mark.parametrize("case", INJECTED, ids=by_name)
def test_s04_tokens_are_projected_for_an_audience_and_a_short_time(case: Case) -> None:
    """Ten minutes to an hour and a bit; no part of a volume is mounted, for that is never renewed.

    The one without an audience is for the API server, in its usual place.
    """
    spec = case.document["injected"]["spec"]
    for volume in spec["volumes"]:
        for source in volume.get("projected", {}).get("sources", []):
            projected = source.get("serviceAccountToken")
            if projected is not None:
                assert 600 <= projected["expirationSeconds"] <= 3607
                assert ("audience" in projected) is (volume["name"] == "aegis-tokens")
    (proxy,) = [container for container in spec["initContainers"] if container["name"] == "aegis-proxy"]
    assert [mount for mount in proxy["volumeMounts"] if "subPath" in mount or not mount["readOnly"]] == []
    assert "token" not in str(proxy["command"]) + str(proxy.get("args"))


def test_x25_probes_do_not_meet_the_policy() -> None:
    """No probe of a captured port is left on that port."""
    for case in INJECTED:
        spec = case.document["injected"]["spec"]
        flags = [flag for container in spec["initContainers"] for flag in container.get("args", [])]
        ports = {"8080", "8443"} if "--inbound-ports=8080,8443" in flags else set()
        ports |= {"8080"} if "--inbound-ports=8080" in flags else set()
        for container in [*spec["initContainers"], *spec["containers"]]:
            for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
                for asked in container.get(kind, {}).values():
                    if isinstance(asked, dict) and "port" in asked and "host" not in asked:
                        assert str(asked["port"]) not in ports


@pytest.mark.parametrize("case", INJECTED, ids=by_name)
def test_pod_security(case: Case) -> None:
    """Without redirection a restricted pod stays restricted; with it, one container alone needs more."""
    app = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    document = copy.deepcopy(case.document["injected"])
    document["spec"]["securityContext"] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    for container in [*document["spec"]["initContainers"], *document["spec"]["containers"]]:
        container.setdefault("securityContext", app)
    redirected = any(container["name"] == "aegis-init" for container in document["spec"]["initContainers"])
    assert {path for path, _ in violations(document)} == ({"aegis-init"} if redirected else set())


@pytest.mark.parametrize("broken", [{}, {"spec": None}, {"metadata": [], "spec": {}}, {"spec": {"containers": {}}}])
@pytest.mark.parametrize("asks", [True, False])
def test_w01_a_document_that_is_no_pod_is_refused_or_skipped(broken: Object, asks: bool) -> None:
    """Whatever is not where a pod has it, the answer is a decision."""
    annotations = {"aegisproxy.io/egress": "true", "aegisproxy.io/identity": "orders"}
    document = {"metadata": {"annotations": annotations} if asks else {}, **broken}
    assert isinstance(injector(usual_cluster()).decide(document, "shop"), Refuse | Skip)


_MEMBERS = [
    "name",
    "env",
    "ports",
    "containerPort",
    "securityContext",
    "capabilities",
    "add",
    "privileged",
    "runAsUser",
]
_MEMBERS += ["volumeMounts", "readinessProbe", "httpGet", "port", "path", "lifecycle", "preStop"]
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-1, 70000), st.sampled_from(["", "a", "aegis-proxy", "TCP"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(
            st.sampled_from(_MEMBERS),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=10,
)


@given(
    st.lists(_JSON, max_size=2),
    st.lists(_JSON, max_size=2),
    st.lists(_JSON, max_size=2),
    st.sampled_from(["iptables", "none"]),
)
@settings(max_examples=300)
def test_w01_any_document_gets_a_decision(containers: Any, inits: Any, volumes: Any, redirect: str) -> None:
    """Whatever stands in a pod, it is injected (and then stays so), skipped or refused; nothing is raised."""
    annotations = {
        "egress": "true",
        "ingress": "true",
        "ingress.port": "80",
        "identity": "orders",
        "redirect": redirect,
    }
    document = pod(annotations, containers=containers, initContainers=inits, volumes=volumes)
    decision = injector(usual_cluster()).decide(document, "shop")
    if isinstance(decision, Inject):
        again = injector(usual_cluster()).decide(decision.pod, "shop")
        assert isinstance(again, Inject)
        assert again.pod == decision.pod


class Silent:
    """A cluster that does not answer."""

    def get(self, *_: object) -> None:
        raise ClusterError("no answer")

    def namespace_labels(self, _: str) -> dict[str, str]:
        raise ClusterError("no answer")


def test_a_silent_api_server_refuses_for_now() -> None:
    """Without an answer nothing is admitted, and the client learns that it may try again."""
    decision = injector(Silent()).decide(pod({"egress": "true", "identity": "orders"}), "shop")
    assert isinstance(decision, Refuse)
    assert decision.code == 503


@pytest.mark.parametrize(
    "chosen", [{}, {"serviceAccountName": ""}, {"serviceAccountName": "default"}, {"serviceAccount": "orders"}]
)
def test_w07_a_pod_gets_the_service_account_of_its_identity(chosen: dict[str, str]) -> None:
    """Where its author chose none, or that very one."""
    document = pod({"egress": "true", "identity": "orders"}, **chosen)
    decision = injector(usual_cluster()).decide(document, "shop")
    assert isinstance(decision, Inject)
    assert decision.pod["spec"]["serviceAccountName"] == "orders"
    assert decision.pod["spec"].get("serviceAccount", "orders") == "orders"


@pytest.mark.parametrize("field", ["serviceAccountName", "serviceAccount"])
def test_w07_a_service_account_that_was_chosen_is_never_changed(field: str) -> None:
    """A pod does not silently become somebody else: its author corrects it, or the annotation."""
    document = pod({"egress": "true", "identity": "orders"}, **{field: "admin"})
    decision = injector(usual_cluster()).decide(document, "shop")
    assert isinstance(decision, Refuse)
    assert "spec.serviceAccountName: got admin, wanted orders" in decision.why
