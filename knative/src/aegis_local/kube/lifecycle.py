"""What the server itself sets on an object when it is made or changed: names, ids, times, generation. Pure."""

import re
from random import Random

from attrs import frozen

from aegis_local.kube.errors import FieldError, bad_request, forbidden_value, invalid_value, required
from aegis_local.kube.kinds import Kind
from aegis_local.kube.objects import Object, metadata, name_of, namespace_of
from aegis_local.kube.patches import same

_SERVER_SET = ("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "selfLink")
_SYSTEM_FIELDS = (*_SERVER_SET, "uid", "resourceVersion")
# Kubernetes' alphabet for generated names: no vowels and no look-alikes.
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")

_KEY_RULE = "name part must consist of alphanumeric characters, '-', '_' or '.'"
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


@frozen
class Birth:
    """What only the outside knows when an object is made: the time (RFC 3339) and a fresh UUID."""

    now: str
    uid: str
    random: Random


def received(obj: Object, namespace: str) -> Object:
    """An object as the body of a create: without system fields and in the request's namespace."""
    meta = {key: value for key, value in metadata(obj).items() if key not in _SYSTEM_FIELDS}
    given = str(meta.get("namespace") or "")
    if given and given != namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    meta.pop("namespace", None)
    return {**obj, "metadata": meta | ({"namespace": namespace} if namespace else {})}


def named(obj: Object, random: Random) -> Object:
    """The object with a name made from its generateName, if it has no name."""
    meta = metadata(obj)
    if meta.get("name") or not meta.get("generateName"):
        return obj
    prefix = str(meta["generateName"])[:58]
    return {**obj, "metadata": {**meta, "name": prefix + "".join(random.choices(_ALPHABET, k=5))}}


def born(obj: Object, kind: Kind, birth: Birth) -> Object:
    """A new object with uid, creation time and generation 1, and without a status if that is a subresource."""
    meta = {**metadata(obj), "uid": birth.uid, "creationTimestamp": birth.now}
    if has_generation(kind):
        meta["generation"] = 1
    result = {**obj, "metadata": meta}
    if "status" in kind.subresources and not kind.builtin:
        result.pop("status", None)
    return result


def has_generation(kind: Kind) -> bool:
    return not kind.builtin or kind.plural in _GENERATIONS


_GENERATIONS = (
    "customresourcedefinitions",
    "deployments",
    "endpointslices",
    "mutatingwebhookconfigurations",
    "pods",
    "validatingwebhookconfigurations",
)


def changed(new: Object, old: Object, kind: Kind, subresource: str) -> Object:
    """An update as it is stored: what the request may not change is as before, and the generation counts.

    `subresource` is `status` or empty: each side of that line keeps the other's part.
    """
    before, after = metadata(old), dict(metadata(new))
    for key in _SERVER_SET:
        after.pop(key, None)
        if key in before:
            after[key] = before[key]
    after.setdefault("uid", before["uid"])
    if subresource == "status":
        managed = after.get("managedFields")
        kept = dict(before) if not kind.builtin else {**after}
        kept.pop("managedFields", None)
        merged = {**old, "metadata": kept | ({"managedFields": managed} if managed else {})}
        merged.pop("status", None)
        return merged | ({"status": new["status"]} if "status" in new else {})
    result = {**new, "metadata": after}
    if "status" in kind.subresources:
        result.pop("status", None)
        if "status" in old:
            result["status"] = old["status"]
    if has_generation(kind) and not same(_desired(result, kind), _desired(old, kind)):
        after["generation"] = before.get("generation", 0) + 1
    return result


def _desired(obj: Object, kind: Kind) -> Object:
    """The part whose change makes a new generation: everything but metadata, and status where that is apart."""
    skipped = {"metadata", "apiVersion", "kind"} | (
        {"status"} if kind.builtin or "status" in kind.subresources else set()
    )
    return {key: value for key, value in obj.items() if key not in skipped}


def metadata_problems(obj: Object, kind: Kind) -> list[FieldError]:
    """What is wrong with the metadata of an object about to be stored."""
    meta, errors = metadata(obj), []
    if not (name := name_of(obj)):
        errors.append(required("metadata.name", "name or generateName is required"))
    elif detail := _name_problem(name, kind):
        errors.append(invalid_value("metadata.name", name, detail))
    if kind.namespaced and not namespace_of(obj):
        errors.append(required("metadata.namespace"))
    for key, value in (meta.get("labels") or {}).items():
        if not _LABEL_KEY.fullmatch(key):
            errors.append(invalid_value("metadata.labels", key, _KEY_RULE))
        if len(value) > 63:
            errors.append(invalid_value("metadata.labels", value, "must be no more than 63 characters"))
        elif not _LABEL_VALUE.fullmatch(value):
            errors.append(invalid_value("metadata.labels", value, _VALUE_RULE))
    return errors + _annotation_problems(meta) + _finalizer_problems(meta) + _owner_problems(meta)


def _owner_problems(meta: Object) -> list[FieldError]:
    controllers = [owner["name"] for owner in meta.get("ownerReferences") or () if owner.get("controller")]
    if len(controllers) < 2:
        return []
    why = 'Only one reference can have Controller set to true. Found "true" in references for '
    return [invalid_value("metadata.ownerReferences", meta["ownerReferences"], why + " and ".join(controllers))]


def _annotation_problems(meta: Object) -> list[FieldError]:
    return [
        invalid_value("metadata.annotations", key, _KEY_RULE)
        for key in meta.get("annotations") or {}
        if not _LABEL_KEY.fullmatch(key.lower() if "/" in key else key)
    ]


def _finalizer_problems(meta: Object) -> list[FieldError]:
    detail = "a qualified name is wanted, such as example.com/name"
    return [
        invalid_value(f"metadata.finalizers[{index}]", finalizer, detail)
        for index, finalizer in enumerate(meta.get("finalizers") or ())
        if not _LABEL_KEY.fullmatch(finalizer)
    ]


def _name_problem(name: str, kind: Kind) -> str:
    if kind.group == "rbac.authorization.k8s.io":
        return (
            ""
            if name not in (".", "..") and not set(name) & set("/%")
            else "may not be '.' or '..' or contain '/' or '%'"
        )
    if kind.plural in ("namespaces", "services"):
        if len(name) > 63:
            return "must be no more than 63 characters"
        return "" if _LABEL.fullmatch(name) else _LABEL_RULE
    if len(name) > 253:
        return "must be no more than 253 characters"
    return "" if _SUBDOMAIN.fullmatch(name) else _SUBDOMAIN_RULE


def immutable_problems(new: Object, old: Object) -> list[FieldError]:
    """An object keeps its identity, and takes no new finalizers once it is being deleted."""
    errors = [
        invalid_value(f"metadata.{key}", metadata(new)[key], "field is immutable")
        for key in ("name", "namespace", "uid")
        if metadata(new).get(key) not in (None, metadata(old).get(key))
    ]
    before, after = (metadata(obj).get("finalizers") or [] for obj in (old, new))
    if metadata(old).get("deletionTimestamp") and (added := [name for name in after if name not in before]):
        listed = ", ".join(f'"{name}"' for name in added)
        why = "no new finalizers can be added if the object is being deleted, found new finalizers "
        errors.append(forbidden_value("metadata.finalizers", f"{why}[]string{{{listed}}}"))
    return errors
