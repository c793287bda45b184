"""The API server over HTTPS. Configuration and credentials come from the kubernetes client; errors end here."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
from attrs import define, field
from kubernetes import client as kubernetes
from kubernetes import config

from aegis_idp.blocking import ApiServer
from aegis_idp.errors import Misconfigured
from aegis_idp.values import Secret
from aegis_reconcile.cluster import FIELD_MANAGER, Conflict, Rejected, TryAgain
from aegis_reconcile.objects import Key, Object, Resource, items, text

_JSON = "application/json"
_MERGE = "application/merge-patch+json"
# JSON is YAML, and servers before 1.33 know server-side apply by this name only.
_APPLY = "application/apply-patch+yaml"

_TIMEOUT = urllib3.Timeout(connect=3.0, read=15.0)
_PAGE = 500
_CONNECTIONS = 40
_LATER = frozenset({401, 408, 409, 410, 425, 429})


def connect(environment: Mapping[str, str]) -> kubernetes.ApiClient:
    """A client by $KUBECONFIG, else by the pod's own ServiceAccount, else by ~/.kube/config.

    Raises TryAgain when there is none (yet).
    """
    configuration = kubernetes.Configuration()
    # As many as ask at a time: the library makes five per core, and a new handshake for each further one.
    configuration.connection_pool_maxsize = _CONNECTIONS
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
        raise TryAgain(f"no way to the API server, neither a kubeconfig nor a ServiceAccount: {error}") from error
    return kubernetes.ApiClient(configuration)


@define
class KubeCluster:
    """`cluster.Cluster` on a real API server. Threads may share it.

    `connect` makes a client; it does so again where the API server no longer knows the token, for the library reads the
    token file of a kubeconfig but once.
    """

    _connect: Callable[[], kubernetes.ApiClient] = field(repr=False)
    _client: kubernetes.ApiClient = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._client = self._connect()

    def api_server(self) -> ApiServer:
        """The API server as plugins may call it: with this function's own token."""
        configuration = self._client.configuration
        return ApiServer(configuration.host, self._token, configuration.ssl_ca_cert)

    def _token(self) -> Secret:
        scheme, _, token = self._credentials().get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Misconfigured("this function has no token for the API server (a client certificate is none)")
        return Secret(token)

    def _credentials(self) -> dict[str, str]:
        """The request headers that say who we are; the token of a pod is read again when it is due."""
        settings: list[Any] = list(self._client.configuration.auth_settings().values())
        return {item["key"]: item["value"] for item in settings if item["in"] == "header" and item["value"]}

    def ask(self, path: str, body: Object, bearer: Secret | None = None) -> Object | None:
        """POSTs a question that the API server answers without storing anything. None: it does not take `bearer`."""
        return self._call("POST", path, body=body, content_type=_JSON, bearer=bearer)

    def get(self, key: Key) -> Object | None:
        return self._call("GET", _path(key.resource, key.namespace, key.name), missing_is_none=True)

    def list(self, resource: Resource, namespace: str = "", labels: Mapping[str, str] = {}) -> tuple[Object, ...]:
        query = {"limit": str(_PAGE), "labelSelector": ",".join(f"{name}={value}" for name, value in labels.items())}
        found: list[Object] = []
        while True:
            page = self._call("GET", _path(resource, namespace), query) or {}
            # The items of a list of built-in kinds do not say what they are.
            kind = {"apiVersion": resource.api_version, "kind": resource.kind}
            found.extend({**item, **kind} for item in items(page, "items"))
            rest = text(page, "metadata", "continue")
            if not rest:
                return tuple(found)
            query["continue"] = rest

    def create(self, resource: Resource, body: Object) -> Object:
        path = _path(resource, text(body, "metadata", "namespace"))
        return self._written("POST", path, {"fieldManager": FIELD_MANAGER}, body, _JSON)

    def apply(self, resource: Resource, body: Object) -> Object:
        return self._apply(_path_of(resource, body), body)

    def apply_status(self, resource: Resource, body: Object) -> Object:
        return self._apply(_path_of(resource, body) + "/status", body)

    def _apply(self, path: str, body: Object) -> Object:
        return self._written("PATCH", path, {"fieldManager": FIELD_MANAGER, "force": "true"}, body, _APPLY)

    def merge_metadata(self, key: Key, metadata: Object) -> Object:
        path = _path(key.resource, key.namespace, key.name)
        return self._written("PATCH", path, {"fieldManager": FIELD_MANAGER}, {"metadata": metadata}, _MERGE)

    def delete(self, key: Key, uid: str) -> None:
        options = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        path = _path(key.resource, key.namespace, key.name)
        self._call("DELETE", path, body=options, content_type=_JSON, missing_is_none=True)

    def _written(self, method: str, path: str, query: Mapping[str, str], body: Object, content_type: str) -> Object:
        return self._call(method, path, query, body, content_type) or {}

    def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] = {},
        body: Object | None = None,
        content_type: str = "",
        missing_is_none: bool = False,
        bearer: Secret | None = None,
    ) -> dict[str, Any] | None:
        asked = {name: value for name, value in query.items() if value}
        url = self._client.configuration.host + path + (f"?{urlencode(asked)}" if asked else "")
        headers = {"accept": _JSON} | ({"content-type": content_type} if content_type else {})
        credentials = self._credentials() if bearer is None else {"authorization": f"Bearer {bearer.reveal()}"}
        try:
            response = self._client.rest_client.pool_manager.request(
                method,
                url,
                body=None if body is None else json.dumps(body).encode(),
                headers={**headers, **credentials},
                timeout=_TIMEOUT,
                retries=False,
                redirect=False,
            )
        except (urllib3.exceptions.HTTPError, config.ConfigException, OSError) as error:
            raise TryAgain(f"{method} {path}: no answer of the API server ({type(error).__name__})") from error
        if response.status == 404 and missing_is_none:
            return None
        if response.status == 401:
            if bearer is not None:
                return None
            self._client = self._connect()
        return _read(f"{method} {path}", response)


def _read(what: str, response: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    try:
        answer = json.loads(response.data)
    except ValueError:
        answer = None
    status = response.status
    if 200 <= status < 300:
        if not isinstance(answer, dict):
            raise TryAgain(f"{what}: the answer is not a JSON object")
        return answer
    message = f"{what}: the API server says {status}: {text(answer, 'message') or response.reason}"
    wait = response.headers.get("retry-after", "")
    if status == 409:
        raise Conflict(message)
    # 404 of a write: the object went away since it was read.
    if status == 404 and not what.startswith(("GET", "POST")):
        raise Conflict(message)
    # An API server that has just started knows no roles for a while, and refuses everybody.
    unread = status == 403 and what.startswith("GET")
    if status in _LATER or status >= 500 or status < 400 or unread:
        raise TryAgain(message, float(wait) if wait.isascii() and wait.isdecimal() and len(wait) < 7 else None)
    raise Rejected(message)


def _path_of(resource: Resource, body: Object) -> str:
    return _path(resource, text(body, "metadata", "namespace"), text(body, "metadata", "name"))


def _path(resource: Resource, namespace: str, name: str = "") -> str:
    root = "/apis" if "/" in resource.api_version else "/api"
    space = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
    return f"{root}/{resource.api_version}{space}/{resource.plural}" + (f"/{quote(name, safe=':')}" if name else "")
