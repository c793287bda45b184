"""The deployed admission function as a process behind TLS, registered as `knative/70-admission.yaml` says."""

import base64
import json
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

from aegis_webhook.certificates import main as make_certificates
from servers.deployment import deployed, function_process
from servers.processes import free_port
from support.api_server import ApiServer
from support.kube_client import Object, path_of
from support.secret_search import search
from support.waiting import eventually

ADMISSION = "admissionregistration.k8s.io/v1"
READY_SECONDS = 30.0
# Of the API server's own metrics, the one that counts calls of webhooks and is stable (Kubernetes metrics reference).
_CALLS = re.compile(r'apiserver_admission_webhook_admission_duration_seconds_count\{.*name="([^"]+)".*\} ([0-9]+)')


class WebhookFunction:
    """`with WebhookFunction(...) as webhook:` runs it; `with webhook.registered():` has the API server call it."""

    def __init__(self, cluster: ApiServer, folder: Path) -> None:
        """`folder` gets its certificate, made as an administrator without cert-manager makes it.

        It says all that it can say.
        """
        make_certificates([str(folder), "127.0.0.1"])
        port = free_port()
        self.url = f"https://127.0.0.1:{port}"
        self._cluster = cluster
        self._authority = folder / "ca.crt"
        self.process = function_process(
            cluster,
            "aegis-webhook",
            HOST="127.0.0.1",
            AEGIS_TLS_PORT=str(port),
            AEGIS_TLS_CERTIFICATE=str(folder / "tls.crt"),
            AEGIS_TLS_KEY=str(folder / "tls.key"),
            AEGIS_LOG_LEVEL="debug",
        )

    def __enter__(self) -> "WebhookFunction":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()
        search("the webhook", self.process.log.read_text(errors="replace"))

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.process.start()
        self.process.wait_until(self._healthy, READY_SECONDS)

    @contextmanager
    def registered(self) -> Iterator[None]:
        """The configurations of the manifest, with the address and the authority of this process; gone after it."""
        paths = []
        try:
            for document in deployed("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
                path = path_of(ADMISSION, f"{document['kind'].lower()}s", document["metadata"]["name"])
                hooks = [{**hook, "clientConfig": self._client_config(hook)} for hook in document["webhooks"]]
                self._cluster.client.apply(path, {**document, "webhooks": hooks}, force=True).ok()
                paths.append(path)
            eventually(self._in_force)
            yield
        finally:
            for path in paths:
                self._cluster.client.delete(path).ok()

    def calls(self) -> dict[str, int]:
        """How often the API server called each of the webhooks since it started, by its own count."""
        counts: dict[str, int] = {}
        for name, count in _CALLS.findall(self._cluster.client.get("/metrics").ok()):
            counts[name] = counts.get(name, 0) + int(count)
        return counts

    def ask(self, path: str, review: Object) -> Object:
        """The function's own response to an AdmissionReview, without an API server."""
        headers = {"Content-Type": "application/json"}
        with urlopen(
            Request(self.url + path, json.dumps(review).encode(), headers), context=self._trust(), timeout=10
        ) as answer:
            response: Object = json.load(answer)["response"]
            return response

    def _client_config(self, hook: Object) -> Object:
        bundle = base64.b64encode(self._authority.read_bytes()).decode()
        return {"url": self.url + hook["clientConfig"]["service"]["path"], "caBundle": bundle}

    def _in_force(self) -> bool:
        """Whether all three are called: an API server reads configurations a moment after they were written.

        But for the embedded one, which reads them at each request, and counts nothing.
        """
        if self._cluster.client.get("/metrics").status == 404:
            return True
        before = self.calls()
        annotations = {"aegisproxy.io/ingress": "false"}
        pod = {
            "metadata": {"name": "asks", "annotations": annotations},
            "spec": {"containers": [{"name": "a", "image": "a"}]},
        }
        self._cluster.client.create(path_of("v1", "pods", namespace="default"), pod, dryRun="All").ok()
        policy = {"metadata": {"name": "asks"}, "spec": {}}
        kind = {"apiVersion": "aegis.aegisproxy.io/v1", "kind": "IngressPolicy"}
        policies = path_of("aegis.aegisproxy.io/v1", "ingresspolicies", namespace="default")
        self._cluster.client.create(policies, kind | policy, dryRun="All").ok()
        after = self.calls()
        hooks = ("mutate.aegisproxy.io", "validate-pod.aegisproxy.io", "validate.aegisproxy.io")
        return all(after.get(name, 0) > before.get(name, 0) for name in hooks)

    def _healthy(self) -> bool:
        try:
            with urlopen(f"{self.url}/healthz", context=self._trust(), timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self._authority))
