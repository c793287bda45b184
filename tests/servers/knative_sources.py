"""Knative's own event sources as bare processes: what their controllers would start in a cluster, started by hand.

`ApiServerSource` runs the real `apiserver_receive_adapter`, `PingSources` the real `mtping`. The manifests go to the
real API server under the real CRDs first, so what Knative's schema refuses is refused here, too. This module plays only
the two controllers: it renders the adapter's environment and writes the PingSource's status.

Both programs serve their probes on the fixed port 8080, on every address. When that port is taken they go on without
probes, which nobody here asks; the profiling port is set to a free one. Readiness is read from the API server's audit
log instead: the source is ready when its ServiceAccount watches every resource of the manifest.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from servers.audit import AskedFor
from servers.build import Report, module_folder, programs, say
from servers.control_plane import ControlPlane
from servers.kubeconfig import CertificateUser
from servers.processes import ServerProcess, free_port
from support.kube_client import path_of

READY_SECONDS = 60.0
SYSTEM_NAMESPACE = "knative-eventing"
CONFIG_MAPS = ("config-logging", "config-observability", "config-features", "config-leader-election")
SOURCES_V1 = "sources.knative.dev/v1"
SINK_TIMEOUT_SECONDS = 5

Manifest = Mapping[str, Any]


def plural_of(kind: str) -> str:
    """The resource name that Knative guesses from a kind (apimachinery `meta.UnsafeGuessKindToResource`)."""
    singular = kind.lower()
    if singular.endswith("endpoints"):
        return singular
    if singular.endswith("s"):
        return singular + "es"
    return singular.removesuffix("y") + "ies" if singular.endswith("y") else singular + "s"


def label_selector(selector: Manifest) -> str:
    """A LabelSelector in the form of a query parameter: sorted by key, as apimachinery writes it."""
    terms = [(key, f"{key}={value}") for key, value in selector.get("matchLabels", {}).items()]
    for expression in selector.get("matchExpressions", ()):
        key, values = expression["key"], ",".join(sorted(expression.get("values", ())))
        forms = {
            "In": f"{key} in ({values})",
            "NotIn": f"{key} notin ({values})",
            "Exists": key,
            "DoesNotExist": f"!{key}",
        }
        terms.append((key, forms[expression["operator"]]))
    return ",".join(term for _, term in sorted(terms))


def source_config(source: Manifest, selected_namespaces: Sequence[str] = ()) -> dict[str, Any]:
    """`K_SOURCE_CONFIG` of an ApiServerSource, as its controller renders it.

    `selected_namespaces` are those that match `spec.namespaceSelector`; without a selector the source's own is watched.
    """
    spec = source["spec"]
    selector = spec.get("namespaceSelector")
    config: dict[str, Any] = {
        "namespaces": [source["metadata"]["namespace"]] if selector is None else sorted(selected_namespaces),
        "allNamespaces": selector is not None and not label_selector(selector),
        "resources": [_resource_watch(resource) for resource in spec["resources"]],
        "mode": spec.get("mode", "Reference"),
    }
    return config | {key: spec[key] for key in ("owner", "filters") if key in spec}


def adapter_environment(source: Manifest, sink: str, selected_namespaces: Sequence[str] = ()) -> dict[str, str]:
    """The environment of `apiserver_receive_adapter` for an ApiServerSource, but for its kubeconfig."""
    environment = {
        "NAME": source["metadata"]["name"],
        "NAMESPACE": source["metadata"]["namespace"],
        "SYSTEM_NAMESPACE": SYSTEM_NAMESPACE,
        "METRICS_DOMAIN": "knative.dev/eventing",
        "K_SINK": sink,
        "K_SOURCE_CONFIG": json.dumps(source_config(source, selected_namespaces)),
    }
    if overrides := source["spec"].get("ceOverrides"):
        environment["K_CE_OVERRIDES"] = json.dumps(overrides)
    return environment


def install_source_crds(cluster: ControlPlane) -> None:
    """Apply Knative's CRDs of ApiServerSource and PingSource, from the module cache at the version of the programs.

    Their conversion webhook is left out: it belongs to a controller that does not run here, and only v1 is stored.
    """
    folder = module_folder("eventing", "knative.dev/eventing") / "config" / "core" / "resources"
    for name in ("apiserversource", "pingsource"):
        crd = yaml.safe_load((folder / f"{name}.yaml").read_text())
        crd["spec"].pop("conversion", None)
        cluster.install_crd(crd)


class ApiServerSource:
    """One ApiServerSource and its adapter; a context that is entered once the source watches everything it should."""

    def __init__(
        self, cluster: ControlPlane, source: Manifest, sink: str, server: str | None = None, report: Report = say
    ) -> None:
        """`server` is a detour to the API server, for example the URL of a Gate."""
        metadata, account = source["metadata"], source["spec"].get("serviceAccountName", "default")
        self._cluster = cluster
        self._source = source
        self._user = f"system:serviceaccount:{metadata['namespace']}:{account}"
        kubeconfig = cluster.service_account_kubeconfig(metadata["namespace"], account, server)
        program = programs("apiserver_receive_adapter", report=report)["apiserver_receive_adapter"]
        path = path_of(SOURCES_V1, "apiserversources", metadata["name"], metadata["namespace"])
        cluster.client.apply(path, dict(source), fieldValidation="Strict").ok()
        self.process = ServerProcess(
            [program],
            cluster.log_of(f"apiserversource-{metadata['name']}"),
            adapter_environment(source, sink, self._selected_namespaces())
            | {"KUBECONFIG": str(kubeconfig), "PROFILING_PORT": str(free_port())},
        )

    def __enter__(self) -> "ApiServerSource":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()

    def start(self) -> None:
        """Start the adapter and wait until its watches are open: what is written from now on becomes an event."""
        position = self._cluster.audit_log.position()
        self.process.start()
        self.wait_until_watching(position)

    def wait_until_watching(self, position: int) -> None:
        """Wait until every resource of the manifest is watched, by a request made after that audit position.

        A watch counts when it is open at two looks in a row: one from an expired resourceVersion opens, says 410 and
        ends at once, and what is written before the list that follows is lost to the source.
        """
        wanted = {watch["gvr"]["Resource"] for watch in source_config(self._source)["resources"]}
        before: frozenset[AskedFor] = frozenset()

        def watching() -> bool:
            nonlocal before
            now = self._cluster.audit_log.open_watches(self._user, position)
            settled, before = now & before, now
            return wanted <= {watch.resource for watch in settled}

        try:
            self.process.wait_until(watching, READY_SECONDS)
        except BaseException:
            self.process.stop()
            raise

    def _selected_namespaces(self) -> list[str]:
        selector = self._source["spec"].get("namespaceSelector")
        if selector is None:
            return []
        listed = self._cluster.client.get("/api/v1/namespaces", labelSelector=label_selector(selector)).ok()
        return [namespace["metadata"]["name"] for namespace in listed["items"]]


class PingSources:
    """The one `mtping` that serves all PingSources of a cluster."""

    def __init__(self, cluster: ControlPlane, report: Report = say) -> None:
        self._cluster = cluster
        user = CertificateUser(cluster.ca.issue("pingsource-mt-adapter", ["system:masters"]))
        self.process = ServerProcess(
            [programs("mtping", report=report)["mtping"], "-disable-ha"],
            cluster.log_of("mtping"),
            {
                "KUBECONFIG": str(cluster.kubeconfig_of("mtping", user)),
                "SYSTEM_NAMESPACE": SYSTEM_NAMESPACE,
                "NAMESPACE": SYSTEM_NAMESPACE,
                "POD_NAME": "mtping",
                "K_SINK_TIMEOUT": str(SINK_TIMEOUT_SECONDS),
                # mtping ends only near the end of a minute, so as not to lose a tick; this is as near as it goes.
                "K_NO_SHUTDOWN_AFTER": "59",
                "PROFILING_PORT": str(free_port()),
            },
        )

    def __enter__(self) -> "PingSources":
        client = self._cluster.client
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM_NAMESPACE}}
        client.apply(path_of("v1", "namespaces", SYSTEM_NAMESPACE), namespace).ok()
        for name in CONFIG_MAPS:
            config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {}}
            client.apply(path_of("v1", "configmaps", name, SYSTEM_NAMESPACE), config).ok()
        self.process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop(seconds=2.0)

    def schedule(self, source: Manifest, sink: str) -> None:
        """Apply a PingSource and write the status by which its controller would hand it to mtping."""
        metadata = source["metadata"]
        path = path_of(SOURCES_V1, "pingsources", metadata["name"], metadata["namespace"])
        applied = self._cluster.client.apply(path, dict(source), fieldValidation="Strict").ok()
        conditions = [{"type": kind, "status": "True"} for kind in ("Deployed", "Ready", "SinkProvided")]
        status = {"observedGeneration": applied["metadata"]["generation"], "sinkUri": sink, "conditions": conditions}
        self._cluster.client.patch(f"{path}/status", {"status": status}).ok()


def _resource_watch(resource: Manifest) -> dict[str, Any]:
    group, _, version = resource["apiVersion"].rpartition("/")
    watch: dict[str, Any] = {"gvr": {"Group": group, "Version": version, "Resource": plural_of(resource["kind"])}}
    if selector := resource.get("selector"):
        watch["selector"] = label_selector(selector)
    return watch
