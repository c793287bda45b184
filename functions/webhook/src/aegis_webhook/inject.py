"""Decides what becomes of a pod, and makes the pod that shall be. Pure: the cluster and the plugins are handed in."""

import copy
from collections.abc import Callable, Mapping

from attrs import field, frozen

from aegis_api.annotations import EGRESS_PROXY_PORT, INGRESS_POLICY, INJECTED_LABEL, PROXY_CONTAINER
from aegis_api.reading import Node, ParseError
from aegis_webhook import probes, safety, sidecar
from aegis_webhook.cluster import Cluster, ClusterError
from aegis_webhook.decision import Decision, Inject, Object, Refuse, Refused, Skip, SkipReason
from aegis_webhook.grants import Grant, Plugins, grant_for, missing_policies
from aegis_webhook.options import Options
from aegis_webhook.pods import (
    KNATIVE_PORTS,
    OUR_CONTAINERS,
    OUR_VOLUMES,
    QUEUE_PROXY,
    annotations_of,
    at,
    containers,
    is_knative,
    labels_of,
    objects_at,
)
from aegis_webhook.recognition import is_ours
from aegis_webhook.settings import PROXY_PORTS, PodSettings, Redirect, read_pod_settings

_MIRROR = "kubernetes.io/config.mirror"
_UNSET_ACCOUNTS = ("", "default")


@frozen
class Injector:
    """`decide` is the whole of it."""

    cluster: Cluster
    plugins: Plugins = field(repr=False)
    options: Options

    def decide(self, pod: Object, namespace: str) -> Decision:
        """What becomes of a pod that is being created in `namespace`. Never raises for anything a pod may hold."""
        try:
            return self._decide(pod, namespace)
        except (ParseError, Refused) as error:
            return Refuse(str(error))
        except ClusterError as error:
            return Refuse(f"the webhook could not ask the API server, so try again: {error}", code=503)

    def _decide(self, pod: Object, namespace: str) -> Decision:
        annotations = annotations_of(pod)
        if _MIRROR in annotations:
            return Skip((SkipReason.MIRROR,))
        settings = read_pod_settings(annotations, namespace)
        if isinstance(settings, Skip):
            if INJECTED_LABEL in labels_of(pod):
                raise Refused(f"metadata.labels[{INJECTED_LABEL}]: only the webhook sets it, on pods that it injects")
            return settings
        desired = copy.deepcopy(pod)
        found = _take_out(desired)
        safety.check(desired, settings)
        grant = grant_for(settings, namespace, self.cluster, self.plugins)
        warnings = [*grant.warnings, *self._warnings(desired, settings, namespace)]
        _assume(desired, grant)
        _tell_proxy(desired, settings)
        recorded = probes.turn_to_proxy(desired, _captured(desired, settings))
        _put_in(
            desired, found, self._containers(desired, settings, grant, recorded), list(sidecar.volumes(grant.needs))
        )
        desired["metadata"]["labels"] = {**labels_of(pod), INJECTED_LABEL: "true"}
        return Inject(desired, tuple(warnings))

    def _containers(
        self, pod: Object, settings: PodSettings, grant: Grant, recorded: Mapping[str, Object]
    ) -> list[Object]:
        proxy = sidecar.proxy_container(settings, grant, recorded, self.options)
        if settings.redirect is Redirect.NONE:
            return [proxy]
        return [sidecar.init_container(settings, self.options, is_knative(pod)), proxy]

    def _warnings(self, pod: Object, settings: PodSettings, namespace: str) -> list[str]:
        warnings = [
            f"there is no IngressPolicy {name} in {namespace}: until it is created, it allows nothing"
            for name in missing_policies(settings, namespace, self.cluster)
        ]
        if settings.ingress and not settings.ingress.policies:
            warnings.append(f"without {INGRESS_POLICY} every request to this pod is denied")
        hooks = probes.hooks_at(pod, _captured(pod, settings))
        return warnings + [f"{path} goes through the proxy: a rule must allow it without a token" for path in hooks]


@frozen
class _Found:
    """Our parts as they came, by name: none in a new pod. `listed` are all volumes, whose order is to be kept."""

    containers: Mapping[str, Object]
    volumes: Mapping[str, Object]
    listed: list[Object]


def _take_out(pod: Object) -> _Found:
    """Takes our parts out of `pod`, so that it is judged and rendered as if for the first time."""
    spec = at(Node(pod), "spec")
    if spec is None:
        raise Refused("spec: got nothing, wanted the spec of a pod")
    found: dict[str, Object] = {}
    for container in list(containers(pod, "initContainers")):
        if container.name in OUR_CONTAINERS:
            if container.name in found:
                raise Refused(f"{container.path}: the container name {container.name} occurs twice")
            found[container.name] = container.fields
    listed = [fields for _, fields in objects_at(spec, "volumes")]
    volumes = {fields["name"]: fields for fields in listed if fields.get("name") in OUR_VOLUMES}
    if found:
        pod["spec"]["initContainers"] = [item for item in pod["spec"]["initContainers"] if item["name"] not in found]
        if volumes:
            pod["spec"]["volumes"] = [item for item in listed if item.get("name") not in OUR_VOLUMES]
    probes.turn_back(pod, probes.from_variable(_variable(found.get(PROXY_CONTAINER, {}), "AEGIS_PROBES")))
    return _Found(found, volumes if found else {}, listed)


def _variable(container: Object, name: str) -> str:
    for variable, fields in objects_at(Node(container), "env"):
        if fields.get("name") == name:
            value = at(variable, "value")
            return value.string() if value else ""
    return ""


def _captured(pod: Object, settings: PodSettings) -> Callable[[int], bool]:
    """Whether a port of the pod is reached through the proxy only."""
    ingress = settings.ingress
    if ingress is None or settings.redirect is Redirect.NONE:
        return lambda port: False
    if ingress.ports:
        return lambda port: port in ingress.ports
    spared = PROXY_PORTS.union(ingress.excluded_ports, KNATIVE_PORTS if is_knative(pod) else ())
    return lambda port: port not in spared


def _assume(pod: Object, grant: Grant) -> None:
    """Gives the pod the Identity's ServiceAccount; one that the author chose is never silently changed."""
    if grant.identity is None:
        return
    spec, wanted = pod["spec"], grant.identity.service_account
    chosen = spec.get("serviceAccountName") or spec.get("serviceAccount") or ""
    if chosen != wanted and chosen not in _UNSET_ACCOUNTS:
        raise Refused(
            f"spec.serviceAccountName: got {chosen}, wanted {wanted}, the ServiceAccount of the Identity "
            f"{grant.identity.metadata.name}: correct it, or leave it away"
        )
    spec["serviceAccountName"] = wanted
    if "serviceAccount" in spec:
        spec["serviceAccount"] = wanted


def _tell_proxy(pod: Object, settings: PodSettings) -> None:
    """Without redirection the app learns of the proxy by the variables that HTTP clients know."""
    if settings.redirect is not Redirect.NONE or settings.egress is None:
        return
    wanted = {"http_proxy": f"http://127.0.0.1:{EGRESS_PROXY_PORT}", "no_proxy": "127.0.0.1,localhost"}
    for container in containers(pod, "initContainers", "containers"):
        if container.name == QUEUE_PROXY:
            continue
        known = {str(fields.get("name")) for _, fields in objects_at(Node(container.fields, container.path), "env")}
        for name, value in wanted.items():
            spellings = (name.upper(), name)
            if known.isdisjoint(spellings):
                added = [{"name": text, "value": value} for text in spellings]
                container.fields["env"] = [*(container.fields.get("env") or ()), *added]


def _put_in(pod: Object, found: _Found, made: list[Object], volumes: list[Object]) -> None:
    """Puts our parts in, first of all init containers. Parts of our names that came must be what we would make."""
    spec = pod["spec"]
    for kind, came, ours in (("container", found.containers, made), ("volume", found.volumes, volumes)):
        names = {part["name"] for part in ours}
        for name, part in came.items():
            if name not in names or not is_ours(part, next(item for item in ours if item["name"] == name)):
                raise Refused(f"the {kind} {name} is not as the webhook makes it: remove it, and it will be made")
    spec["initContainers"] = [
        *(found.containers.get(part["name"], part) for part in made),
        *(spec.get("initContainers") or ()),
    ]
    spec["volumes"] = [*found.listed, *(part for part in volumes if part["name"] not in found.volumes)]
