"""What single built-in kinds forbid beyond their schema. Pure."""

from aegis_local.kube import webhook_configurations
from aegis_local.kube.errors import FieldError, duplicate, forbidden_value, invalid_value, required
from aegis_local.kube.objects import Object, at


def problems(obj: Object, old: Object | None) -> list[FieldError]:
    """What a built-in kind forbids beyond its schema."""
    match obj.get("kind"):
        case "Pod":
            return _pod_problems(obj, old)
        case "RoleBinding" | "ClusterRoleBinding":
            if old is not None and obj.get("roleRef") != old["roleRef"]:
                return [invalid_value("roleRef", obj["roleRef"], "cannot change roleRef")]
            return []
        case "Role" | "ClusterRole":
            return _role_problems(obj)
        case "Service":
            return _service_problems(obj)
        case "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration":
            return webhook_configurations.problems(obj)
        case "Deployment":
            return _deployment_problems(obj)
        case "ConfigMap" | "Secret":
            if (
                old is not None
                and old.get("immutable")
                and any(obj.get(k) != old.get(k) for k in ("data", "binaryData", "immutable"))
            ):
                return [forbidden_value("data", "field is immutable when `immutable` is set")]
            return []
        case _:
            return []


def _pod_problems(pod: Object, old: Object | None) -> list[FieldError]:
    spec = pod.get("spec") or {}
    errors = [required("spec.containers")] if spec.get("containers") == [] else []
    seen: set[str] = set()
    volumes = {volume.get("name") for volume in spec.get("volumes") or ()}
    for key in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(key) or ()):
            path = f"spec.{key}[{index}]"
            if not container.get("image"):
                errors.append(required(f"{path}.image"))
            name = container.get("name", "")
            if name in seen:
                errors.append(duplicate(f"{path}.name", name))
            seen.add(name)
            errors += [
                FieldError(
                    "FieldValueNotFound", f"{path}.volumeMounts[{place}].name", f'Not found: "{mount.get("name")}"'
                )
                for place, mount in enumerate(container.get("volumeMounts") or ())
                if mount.get("name") not in volumes
            ]
    if old is not None and _frozen_part(spec) != _frozen_part(old["spec"]):
        errors.append(
            forbidden_value(
                "spec",
                "pod updates may not change fields other than `spec.containers[*].image`,"
                "`spec.initContainers[*].image`,"
                "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
                "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
            )
        )
    return errors


def _frozen_part(spec: Object) -> Object:
    free = ("activeDeadlineSeconds", "tolerations", "containers", "initContainers", "ephemeralContainers", "nodeName")
    kept = {key: value for key, value in spec.items() if key not in free}
    for key in ("containers", "initContainers"):
        kept[key] = [{k: v for k, v in c.items() if k not in ("image", "imagePullPolicy")} for c in spec.get(key) or ()]
    return kept


def _role_problems(role: Object) -> list[FieldError]:
    errors = []
    for index, rule in enumerate(role.get("rules") or ()):
        path = f"rules[{index}]"
        if not rule.get("verbs"):
            errors.append(required(f"{path}.verbs", "verbs must contain at least one value"))
        if rule.get("nonResourceURLs"):
            if role["kind"] == "Role":
                errors.append(
                    invalid_value(
                        f"{path}.nonResourceURLs",
                        rule["nonResourceURLs"],
                        "namespaced rules cannot apply to non-resource URLs",
                    )
                )
            continue
        if not rule.get("apiGroups"):
            errors.append(required(f"{path}.apiGroups", "resource rules must supply at least one api group"))
        if not rule.get("resources"):
            errors.append(required(f"{path}.resources", "resource rules must supply at least one resource"))
    return errors


def _service_problems(service: Object) -> list[FieldError]:
    spec = service.get("spec") or {}
    if spec.get("type") == "ExternalName" or spec.get("clusterIP") == "None":
        return []
    if not spec.get("ports"):
        return [required("spec.ports")]
    errors = []
    for index, port in enumerate(spec["ports"]):
        number = port.get("port", 1)
        if not 1 <= number <= 65535:
            errors.append(invalid_value(f"spec.ports[{index}].port", number, "must be between 1 and 65535, inclusive"))
        if len(spec["ports"]) > 1 and not port.get("name"):
            errors.append(required(f"spec.ports[{index}].name"))
    return errors


def _deployment_problems(deployment: Object) -> list[FieldError]:
    spec = deployment.get("spec") or {}
    selector = at(spec, ("selector", "matchLabels")) or {}
    labels = at(spec, ("template", "metadata", "labels")) or {}
    if any(labels.get(key) != value for key, value in selector.items()):
        detail = "`selector` does not match template `labels`"
        return [invalid_value("spec.template.metadata.labels", labels, detail)]
    return []
