"""What the webhook puts into a pod: containers and volumes, spelled out as the API server would store them.

They are spelled out because the webhook must know its own work again: on reinvocation, and when the gate asks whether
a pod's sidecar is the one it made. See `is_ours`.
"""

from collections.abc import Iterator
from typing import Any

from aegis_api.annotations import ADMIN_PORT, EGRESS_PROXY_PORT, INGRESS_PROXY_PORT, PROXY_CONTAINER, PROXY_UID
from aegis_idp.mounts import secret_file, token_file
from aegis_idp.values import PodNeeds, SecretKey
from aegis_webhook.decision import Object
from aegis_webhook.grants import Grant
from aegis_webhook.options import Options
from aegis_webhook.pods import (
    API_ACCESS_VOLUME,
    INIT_CONTAINER,
    KNATIVE_PORTS,
    PROVIDER_VOLUME,
    TOKENS_VOLUME,
)
from aegis_webhook.probes import Recorded, to_variable
from aegis_webhook.settings import PROXY_PORTS, PodSettings, Redirect, Resources

API_ACCESS_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
TOKENS_PATH = "/var/run/secrets/aegis/tokens"
PROVIDER_PATH = "/var/run/secrets/aegis/provider"

_LOCKED_DOWN: Object = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
_READABLE = 0o644


def init_container(settings: PodSettings, options: Options, knative: bool) -> Object:
    """Sets the redirection. Its arguments are numbers and networks that were read and written anew, and no shell."""
    return {
        "name": INIT_CONTAINER,
        "image": options.proxy_image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["aegis-proxy"],
        "args": ["redirect", *_redirect_flags(settings, knative)],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}},
        "securityContext": {
            **_LOCKED_DOWN,
            "capabilities": {"add": ["NET_ADMIN", "NET_RAW"], "drop": ["ALL"]},
            "privileged": False,
            "runAsGroup": 0,
            "runAsNonRoot": False,
            "runAsUser": 0,
        },
    }


def _redirect_flags(settings: PodSettings, knative: bool) -> Iterator[str]:
    yield f"--proxy-uid={PROXY_UID}"
    if settings.ingress:
        ports = settings.ingress.ports
        yield f"--ingress-port={INGRESS_PROXY_PORT}"
        yield f"--inbound-ports={_joined(ports) or 'all'}"
        if not ports:
            spared = PROXY_PORTS.union(settings.ingress.excluded_ports, KNATIVE_PORTS if knative else ())
            yield f"--exclude-inbound-ports={_joined(sorted(spared))}"
    if settings.egress:
        yield f"--egress-port={EGRESS_PROXY_PORT}"
        if settings.egress.excluded_ports:
            yield f"--exclude-outbound-ports={_joined(settings.egress.excluded_ports)}"
        if settings.egress.excluded_cidrs:
            yield f"--exclude-outbound-cidrs={_joined(settings.egress.excluded_cidrs)}"


def proxy_container(settings: PodSettings, grant: Grant, recorded: Recorded, options: Options) -> Object:
    """The native sidecar: an init container that stays (KEP-753), so it starts before the app and ends after it."""
    mounts = [{"name": API_ACCESS_VOLUME, "mountPath": API_ACCESS_PATH, "readOnly": True}]
    if grant.needs.tokens:
        mounts.append({"name": TOKENS_VOLUME, "mountPath": TOKENS_PATH, "readOnly": True})
    if grant.needs.secrets:
        mounts.append({"name": PROVIDER_VOLUME, "mountPath": PROVIDER_PATH, "readOnly": True})
    ports = [{"name": "aegis-admin", "containerPort": ADMIN_PORT, "protocol": "TCP"}]
    if settings.ingress:
        ports.insert(0, {"name": "aegis-ingress", "containerPort": INGRESS_PROXY_PORT, "protocol": "TCP"})
    return {
        "name": PROXY_CONTAINER,
        "image": options.proxy_image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["aegis-proxy"],
        "args": ["run"],
        "restartPolicy": "Always",
        "ports": ports,
        "env": list(_environment(settings, grant, recorded, options)),
        "resources": _resources(settings.resources),
        "securityContext": {
            **_LOCKED_DOWN,
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "runAsGroup": PROXY_UID,
            "runAsNonRoot": True,
            "runAsUser": PROXY_UID,
        },
        # Policy, keys and first token may take a while; what starts after the proxy waits for them.
        "startupProbe": _probe("/ready", period=1, failures=120),
        "readinessProbe": _probe("/ready", period=5, failures=3),
        "livenessProbe": _probe("/live", period=10, failures=3),
        "volumeMounts": mounts,
    }


def _environment(settings: PodSettings, grant: Grant, recorded: Recorded, options: Options) -> Iterator[Object]:
    yield _from_field("AEGIS_NAMESPACE", "metadata.namespace")
    yield _from_field("AEGIS_POD", "metadata.name")
    ingress, egress, needs = settings.ingress, settings.egress, grant.needs
    values = {
        "AEGIS_IDENTITY": settings.identity,
        "AEGIS_PROVIDER": _joined(settings.providers),
        "AEGIS_POLICY": _joined(ingress.policies) if ingress else "",
        "AEGIS_INGRESS_HOSTS": _joined(ingress.hosts) if ingress else "",
        "AEGIS_INGRESS_PROTOCOL": ingress.protocol if ingress and ingress.protocol != "auto" else "",
        "AEGIS_EGRESS_AUTHORIZATION": egress.authorization if egress and egress.authorization != "refuse" else "",
        "AEGIS_TOKEN_FILE": f"{TOKENS_PATH}/{token_file(needs.tokens[0].audience)}" if needs.tokens else "",
        "AEGIS_PROBES": to_variable(recorded) if recorded else "",
        "AEGIS_ACCESS_LOG": "true" if settings.log_access else "",
        "AEGIS_TRACE_ENDPOINT": options.trace_endpoint,
        "AEGIS_TRACE_RATIO": options.trace_ratio,
    }
    if ingress and settings.redirect is Redirect.NONE:
        values["AEGIS_INGRESS_UPSTREAM"] = f"127.0.0.1:{ingress.ports[0]}"
    for name, value in values.items():
        if value:
            yield {"name": name, "value": value}
    # An empty listener is one that is switched off.
    yield {"name": "AEGIS_INGRESS_LISTEN", "value": f"0.0.0.0:{INGRESS_PROXY_PORT}" if ingress else ""}
    yield {"name": "AEGIS_EGRESS_LISTEN", "value": f"127.0.0.1:{EGRESS_PROXY_PORT}" if settings.egress else ""}
    yield {"name": "AEGIS_ADMIN_LISTEN", "value": f"0.0.0.0:{ADMIN_PORT}"}
    yield {"name": "AEGIS_REDIRECT", "value": settings.redirect.value}
    yield {"name": "AEGIS_LOG_LEVEL", "value": settings.log_level}


def volumes(needs: PodNeeds) -> Iterator[Object]:
    """The volumes of the proxy, projected anew by the kubelet when their content changes."""
    access: list[Object] = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": _field("metadata.namespace")}]}},
    ]
    yield _projected(API_ACCESS_VOLUME, access)
    if needs.tokens:
        yield _projected(TOKENS_VOLUME, [{"serviceAccountToken": _token(token)} for token in needs.tokens])
    if needs.secrets:
        keys: dict[str, list[SecretKey]] = {}
        for secret in needs.secrets:
            keys.setdefault(secret.name, []).append(secret)
        yield _projected(
            PROVIDER_VOLUME,
            [
                {"secret": {"name": name, "items": [{"key": one.key, "path": secret_file(one)} for one in found]}}
                for name, found in keys.items()
            ],
        )


def _token(token: Any) -> Object:
    path = token_file(token.audience)
    return {"audience": token.audience, "expirationSeconds": token.expiration_seconds, "path": path}


def _projected(name: str, sources: list[Object]) -> Object:
    return {"name": name, "projected": {"defaultMode": _READABLE, "sources": sources}}


def _resources(asked: Resources) -> Object:
    """Limits only where they save the node: a proxy that is throttled slows the app down."""
    limits = {"memory": asked.memory_limit.text if asked.memory_limit else "256Mi"}
    if asked.cpu_limit:
        limits["cpu"] = asked.cpu_limit.text
    requests = {
        "cpu": asked.cpu_request.text if asked.cpu_request else limits.get("cpu", "50m"),
        "memory": asked.memory_request.text
        if asked.memory_request
        else (asked.memory_limit.text if asked.memory_limit else "64Mi"),
    }
    return {"requests": requests, "limits": limits}


def _probe(path: str, period: int, failures: int) -> Object:
    return {
        "httpGet": {"path": path, "port": ADMIN_PORT, "scheme": "HTTP"},
        "timeoutSeconds": 2,
        "periodSeconds": period,
        "successThreshold": 1,
        "failureThreshold": failures,
    }


def _from_field(name: str, path: str) -> Object:
    return {"name": name, "valueFrom": {"fieldRef": _field(path)}}


def _field(path: str) -> Object:
    return {"apiVersion": "v1", "fieldPath": path}


def _joined(items: Any) -> str:
    return ",".join(str(item) for item in items)
