"""What the server puts into built-in kinds beyond their schema: Go's defaults, addresses, identities. Pure."""

import base64
from collections.abc import Callable
from ipaddress import IPv4Network
from random import Random
from typing import Any

from aegis_local.kube.objects import Object, at, metadata

CREDENTIALS_DIRECTORY = "/var/run/secrets/kubernetes.io/serviceaccount"
SERVICE_NETWORK = IPv4Network("10.96.0.0/12")


def _defaulted(obj: Object, **defaults: Any) -> Object:
    return {**{key: value for key, value in defaults.items() if key not in obj}, **obj}


def _container(container: Object) -> Object:
    image = str(container.get("image", ""))
    latest = image.endswith(":latest") or (":" not in image.rpartition("/")[2] and "@" not in image)
    result = _defaulted(
        container,
        resources={},
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        imagePullPolicy="Always" if latest else "IfNotPresent",
    )
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if probe in result:
            result[probe] = _defaulted(
                result[probe], timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3
            )
            if "httpGet" in result[probe]:
                result[probe]["httpGet"] = _defaulted(result[probe]["httpGet"], path="/", scheme="HTTP")
    return result


def _volume(volume: Object) -> Object:
    result = dict(volume)
    for source in ("secret", "configMap", "downwardAPI", "projected"):
        if source in result:
            result[source] = _defaulted(result[source], defaultMode=420)
    for index, part in enumerate(at(result, ("projected", "sources")) or ()):
        if "serviceAccountToken" in part:
            sources = list(result["projected"]["sources"])
            sources[index] = {
                **part,
                "serviceAccountToken": _defaulted(part["serviceAccountToken"], expirationSeconds=3600),
            }
            result["projected"] = {**result["projected"], "sources": sources}
    return result if len(result) > 1 else {**result, "emptyDir": {}}


def _pod_spec(spec: Object) -> Object:
    result = _defaulted(
        spec,
        restartPolicy="Always",
        terminationGracePeriodSeconds=30,
        dnsPolicy="ClusterFirst",
        securityContext={},
        schedulerName="default-scheduler",
    )
    for key, complete in (("containers", _container), ("initContainers", _container), ("volumes", _volume)):
        if result.get(key):
            result[key] = [complete(item) for item in result[key]]
    if "serviceAccountName" in result:
        result["serviceAccount"] = result["serviceAccountName"]
    return result


def _pod(pod: Object) -> Object:
    spec = _defaulted(_pod_spec(pod.get("spec") or {}), enableServiceLinks=True)
    return {**pod, "spec": spec}


def _deployment(deployment: Object) -> Object:
    spec = _defaulted(deployment.get("spec") or {}, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    spec = _defaulted(
        spec, strategy={"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}
    )
    template = spec.get("template") or {}
    return {**deployment, "spec": {**spec, "template": {**template, "spec": _pod_spec(template.get("spec") or {})}}}


def _service(service: Object) -> Object:
    spec = _defaulted(service.get("spec") or {}, type="ClusterIP", sessionAffinity="None")
    if spec["type"] != "ExternalName":
        spec = _defaulted(spec, internalTrafficPolicy="Cluster", ipFamilyPolicy="SingleStack", ipFamilies=["IPv4"])
    if spec.get("ports"):
        spec["ports"] = [_defaulted(port, protocol="TCP", targetPort=port.get("port")) for port in spec["ports"]]
    return {**service, "spec": spec}


def _secret(secret: Object) -> Object:
    result = _defaulted(secret, type="Opaque")
    text = result.pop("stringData", None) or {}
    if text:
        coded = {key: base64.b64encode(value.encode()).decode() for key, value in text.items()}
        result["data"] = {**(result.get("data") or {}), **coded}
    return result


def _namespace(namespace: Object) -> Object:
    meta = metadata(namespace)
    if not meta.get("name"):
        return namespace
    labels = {**(meta.get("labels") or {}), "kubernetes.io/metadata.name": meta["name"]}
    return {**namespace, "metadata": {**meta, "labels": labels}}


def _webhooks(configuration: Object) -> Object:
    hooks = []
    for hook in configuration.get("webhooks") or ():
        complete = _defaulted(
            hook,
            failurePolicy="Fail",
            matchPolicy="Equivalent",
            namespaceSelector={},
            objectSelector={},
            timeoutSeconds=10,
            **({"reinvocationPolicy": "Never"} if configuration.get("kind") == "MutatingWebhookConfiguration" else {}),
        )
        complete["rules"] = [_defaulted(rule, scope="*") for rule in complete.get("rules") or ()]
        if service := at(complete, ("clientConfig", "service")):
            complete["clientConfig"] = {**complete["clientConfig"], "service": _defaulted(service, port=443)}
        hooks.append(complete)
    return {**configuration, "webhooks": hooks} if hooks else configuration


def _binding(binding: Object) -> Object:
    subjects = [
        _defaulted(subject, apiGroup="rbac.authorization.k8s.io")
        if subject.get("kind") in ("User", "Group")
        else subject
        for subject in binding.get("subjects") or ()
    ]
    result = {**binding, "subjects": subjects} if subjects else binding
    return {**result, "roleRef": _defaulted(result.get("roleRef") or {}, apiGroup="rbac.authorization.k8s.io")}


def _crd(crd: Object) -> Object:
    spec = _defaulted(crd.get("spec") or {}, conversion={"strategy": "None"})
    if names := spec.get("names"):
        kind = str(names.get("kind", ""))
        spec["names"] = _defaulted(names, singular=kind.lower(), listKind=f"{kind}List")
    return {**crd, "spec": spec}


_DEFAULTS: dict[str, Callable[[Object], Object]] = {
    "CustomResourceDefinition": _crd,
    "ClusterRoleBinding": _binding,
    "Deployment": _deployment,
    "MutatingWebhookConfiguration": _webhooks,
    "Namespace": _namespace,
    "Pod": _pod,
    "RoleBinding": _binding,
    "Secret": _secret,
    "Service": _service,
    "ValidatingWebhookConfiguration": _webhooks,
}


def with_builtin_defaults(obj: Object) -> Object:
    """The defaults of Kubernetes' own kinds that their OpenAPI does not tell."""
    complete = _DEFAULTS.get(obj.get("kind", ""))
    return complete(obj) if complete else obj


def with_service_account(pod: Object, name: str, automount: bool, random: Random) -> Object:
    """A new pod as Kubernetes' ServiceAccount admission leaves it: an account, and its token in every container."""
    spec = {**(pod.get("spec") or {}), "serviceAccountName": name, "serviceAccount": name}
    mounts = [mount for container in spec.get("containers") or () for mount in container.get("volumeMounts") or ()]
    mounted = any(mount.get("mountPath") == CREDENTIALS_DIRECTORY for mount in mounts)
    if spec.get("automountServiceAccountToken", automount) and not mounted:
        volume = "kube-api-access-" + "".join(random.choices("bcdfghjklmnpqrstvwxz2456789", k=5))
        spec["volumes"] = [*(spec.get("volumes") or ()), _token_volume(volume)]
        mount = {"name": volume, "readOnly": True, "mountPath": CREDENTIALS_DIRECTORY}
        for key in ("initContainers", "containers"):
            if spec.get(key):
                spec[key] = [{**c, "volumeMounts": [*(c.get("volumeMounts") or ()), mount]} for c in spec[key]]
    return {**pod, "spec": spec}


def _token_volume(name: str) -> Object:
    field_ref = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    sources = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": field_ref}]}},
    ]
    return {"name": name, "projected": {"sources": sources, "defaultMode": 420}}


def prepared_for_create(obj: Object, random: Random) -> Object:
    """What the server puts into a new object of a built-in kind: a first status, an address."""
    match obj.get("kind"):
        case "Namespace":
            return {**obj, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
        case "Pod":
            return {**obj, "status": {"phase": "Pending", "qosClass": "BestEffort"}}
        case "Deployment" | "CustomResourceDefinition":
            return (
                {**obj, "status": {}}
                if obj["kind"] == "Deployment"
                else {k: v for k, v in obj.items() if k != "status"}
            )
        case "Service":
            return {**obj, "spec": _with_cluster_ip(obj["spec"], random), "status": {"loadBalancer": {}}}
        case _:
            return obj


def _with_cluster_ip(spec: Object, random: Random) -> Object:
    if spec.get("type") == "ExternalName":
        return spec
    address = spec.get("clusterIP") or str(SERVICE_NETWORK[random.randrange(256, SERVICE_NETWORK.num_addresses - 1)])
    return {**spec, "clusterIP": address, "clusterIPs": [address]}


def prepared_for_update(new: Object, old: Object) -> Object:
    """What an update of a built-in kind cannot take away: an allocated address, a namespace's finalizers."""
    match new.get("kind"):
        case "Service" if new["spec"].get("type") != "ExternalName" and not new["spec"].get("clusterIP"):
            kept = {key: old["spec"][key] for key in ("clusterIP", "clusterIPs") if key in old["spec"]}
            return {**new, "spec": {**new["spec"], **kept}}
        case "Namespace":
            return {**new, "spec": old.get("spec", {})}
        case _:
            return new
