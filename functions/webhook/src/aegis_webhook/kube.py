"""The API server over HTTPS. Configuration and credentials come from the kubernetes client; errors end here."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import urllib3
from attrs import define, field
from kubernetes import client as kubernetes
from kubernetes import config

from aegis_api.reading import Node
from aegis_api.resources import API_VERSION, Kind, Resource
from aegis_webhook.cluster import ClusterError

# The API server waits 10 s for an answer of ours, and a review asks three or four times.
_TIMEOUT = urllib3.Timeout(connect=1.0, read=2.0)


def connect(environment: Mapping[str, str]) -> kubernetes.ApiClient:
    """A client by $KUBECONFIG, else by the pod's own ServiceAccount. Raises ClusterError when there is none (yet)."""
    configuration = kubernetes.Configuration()
    path = environment.get("KUBECONFIG")
    # The client library ships no types.
    by_pod: Callable[..., None] = config.load_incluster_config
    by_file: Callable[..., None] = config.load_kube_config
    try:
        if path is None and "KUBERNETES_SERVICE_HOST" in environment:
            by_pod(client_configuration=configuration)
        else:
            by_file(path, client_configuration=configuration)
    except (config.ConfigException, OSError) as error:
        raise ClusterError(f"no way to the API server, neither a kubeconfig nor a ServiceAccount: {error}") from error
    return kubernetes.ApiClient(configuration)


@define
class KubeCluster:
    """`cluster.Cluster` on a real API server. Threads may share it."""

    client: kubernetes.ApiClient = field(repr=False)

    def get(self, kind: Kind, namespace: str, name: str) -> Resource | None:
        scope = f"/namespaces/{quote(namespace, safe='')}" if kind.namespaced else ""
        document = self._get(f"/apis/{API_VERSION}{scope}/{kind.plural}/{quote(name, safe='')}")
        return None if document is None else kind.read(Node(document), namespace)

    def namespace_labels(self, name: str) -> Mapping[str, str]:
        document = self._get(f"/api/v1/namespaces/{quote(name, safe='')}") or {}
        return dict(document.get("metadata", {}).get("labels") or {})

    def _get(self, path: str) -> dict[str, Any] | None:
        try:
            response = self.client.rest_client.pool_manager.request(
                "GET",
                self.client.configuration.host + path,
                headers={"accept": "application/json", **self._credentials()},
                timeout=_TIMEOUT,
                retries=False,
                redirect=False,
            )
        except (urllib3.exceptions.HTTPError, config.ConfigException, OSError) as error:
            raise ClusterError(f"GET {path}: no answer of the API server ({type(error).__name__})") from error
        if response.status == 404:
            return None
        try:
            document = json.loads(response.data)
        except ValueError:
            document = None
        if response.status != 200 or not isinstance(document, dict):
            raise ClusterError(f"GET {path}: the API server answered {response.status}")
        return document

    def _credentials(self) -> dict[str, str]:
        """The request headers that say who we are; the token is read again when it is due."""
        settings: list[Any] = list(self.client.configuration.auth_settings().values())
        return {item["key"]: item["value"] for item in settings if item["in"] == "header" and item["value"]}
