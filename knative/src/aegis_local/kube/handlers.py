"""The verbs of stored resources: from a request that is already authorised to the answer's body."""

import re
from collections.abc import Callable
from typing import Any

from attrs import evolve, field, frozen

from aegis_local.kube.decoding import media_type, parsed, typed
from aegis_local.kube.deleting import Deleter, Deletion, deletion_of
from aegis_local.kube.errors import (
    ApiError,
    FieldError,
    bad_request,
    forbidden_value,
    invalid,
    not_found,
    required,
    unsupported_media_type,
)
from aegis_local.kube.kinds import Kind
from aegis_local.kube.objects import Object, metadata, name_of
from aegis_local.kube.patches import BadPatchError, json_patch, merge_patch, strategic_merge_patch
from aegis_local.kube.reading import Page, page, selector_of
from aegis_local.kube.rendering import form_of, many, one
from aegis_local.kube.requests import Query, ResourceRequest
from aegis_local.kube.scaling import from_scale, to_scale
from aegis_local.kube.store import Store
from aegis_local.kube.structural import prune
from aegis_local.kube.users import User
from aegis_local.kube.writing import Write, Writer

APPLY, JSON_PATCH = "application/apply-patch+yaml", "application/json-patch+json"
MERGE_PATCH, STRATEGIC_PATCH = "application/merge-patch+json", "application/strategic-merge-patch+json"


@frozen
class Asked:
    """An HTTP request as it came, after its body: header names are lower case."""

    method: str
    path: str
    query: Query
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def header(self, name: str) -> str:
        return self.headers.get(name, "")


@frozen
class Answer:
    """An HTTP answer; `warnings` become Warning headers."""

    code: int
    body: Object | bytes
    content_type: str = "application/json"
    warnings: list[str] = field(factory=list)
    headers: dict[str, str] = field(factory=dict)


class Handlers:
    """Reads, writes and deletes of stored kinds."""

    def __init__(self, store: Store, writer: Writer, deleter: Deleter, clock: Callable[[], float]) -> None:
        self._store = store
        self._writer = writer
        self._deleter = deleter
        self._clock = clock

    async def handle(self, asked: Asked, request: ResourceRequest, kind: Kind, user: User) -> Answer:
        """Answer a request whose verb is one of the kind's, other than watch."""
        write = _write(asked, request, kind, user)
        answer = await self._dispatch(asked, request, write)
        warnings = [*write.warnings, *([kind.deprecation] if kind.deprecation else [])]
        return evolve(answer, warnings=warnings)

    async def _dispatch(self, asked: Asked, request: ResourceRequest, write: Write) -> Answer:
        if request.subresource == "scale":
            return await self._scale(asked, request, write)
        match request.verb:
            case "get":
                return self._object(asked, write, 200, self._found(write))
            case "list":
                return self._list(asked, write)
            case "create":
                created = await self._writer.create(write, parsed(asked.body, asked.header("content-type")))
                return self._object(asked, write, 201, created)
            case "update":
                updated = await self._writer.update(write, parsed(asked.body, asked.header("content-type")))
                return self._object(asked, write, 200, updated)
            case "patch":
                return await self._patch(asked, write)
            case "delete":
                return await self._delete(asked, write)
            case _:
                return await self._delete_collection(asked, write)

    def _found(self, write: Write) -> Object:
        kind = write.kind
        obj = self._store.get(kind.collection, write.namespace, write.name)
        if obj is None:
            raise not_found(kind.group, kind.plural, write.name)
        return self._writer.presented(kind, obj)

    def _object(self, asked: Asked, write: Write, code: int, obj: Object) -> Answer:
        form = form_of(asked.header("accept"), asked.query)
        return Answer(code, one(form, write.kind, obj, self._clock()), form.content_type)

    def _list(self, asked: Asked, write: Write) -> Answer:
        form = form_of(asked.header("accept"), asked.query)
        found = page(self._store, write.kind, write.namespace, asked.query)
        shown = evolve(found, objects=[self._writer.presented(write.kind, obj) for obj in found.objects])
        return Answer(200, many(form, write.kind, shown, self._clock()), form.content_type)

    async def _patch(self, asked: Asked, write: Write) -> Answer:
        if media_type(asked.header("content-type")) == APPLY:
            return await self._apply(asked, write)
        if asked.query.flag("force"):
            detail = forbidden_value("force", "may not be specified for non-apply patch")
            raise invalid("meta.k8s.io", "PatchOptions", "", [detail])
        patch = _patch_of(asked, write.kind)
        return self._object(asked, write, 200, await self._writer.patch(write, patch))

    async def _apply(self, asked: Asked, write: Write) -> Answer:
        body = parsed(asked.body, APPLY, (APPLY,))
        for key in ("kind", "apiVersion"):
            if isinstance(body, dict) and not body.get(key):
                raise bad_request(f"error decoding YAML: Object '{key}' is missing in the applied configuration")
        config = typed(body, write.kind)
        if not asked.query.text("fieldManager"):
            raise invalid("meta.k8s.io", "PatchOptions", "", [required("fieldManager", "is required for apply patch")])
        if metadata(config).get("managedFields"):
            raise bad_request("metadata.managedFields must be nil")
        if name_of(config) not in ("", write.name):
            raise bad_request(
                f"the name of the object ({name_of(config)}) does not match the name on the URL ({write.name})"
            )
        kept, unknown = prune(config, write.kind.schema)
        if unknown:
            where = f"{write.namespace}/{write.name}" if write.namespace else f"/{write.name}"
            fields = " ".join(f".{path}: field not declared in schema" for path in unknown)
            what = f"({where}; {write.kind.api_version}, Kind={write.kind.kind})"
            raise ApiError(500, "", f"failed to create typed patch object {what}: {fields}")
        obj, new = await self._writer.apply(write, kept)
        return self._object(asked, write, 201 if new else 200, obj)

    async def _delete(self, asked: Asked, write: Write) -> Answer:
        obj, gone = await self._deleter.delete(write, _deletion(asked))
        if not gone:
            return self._object(asked, write, 200, self._writer.presented(write.kind, obj))
        kind = write.kind
        details = {"name": write.name, **({"group": kind.group} if kind.group else {}), "kind": kind.plural}
        details["uid"] = metadata(obj)["uid"]
        if kind.plural == "pods" and not kind.group:
            return self._object(asked, write, 200, obj)
        body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        return Answer(200, body)

    async def _delete_collection(self, asked: Asked, write: Write) -> Answer:
        selector = selector_of(write.kind, asked.query)
        deleted = await self._deleter.delete_collection(evolve(write, name=""), _deletion(asked), selector)
        form = form_of(asked.header("accept"), asked.query)
        return Answer(
            200, many(form, write.kind, Page(deleted, self._store.revision), self._clock()), form.content_type
        )

    async def _scale(self, asked: Asked, request: ResourceRequest, write: Write) -> Answer:
        kind = write.kind
        if request.verb == "get":
            return Answer(200, to_scale(kind, self._found(write)))
        content_type = asked.header("content-type")

        def changed(current: Object) -> Object:
            scale = to_scale(kind, current)
            new = parsed(asked.body, content_type) if request.verb == "update" else _patch_of(asked, kind)(scale)
            return from_scale(kind, current, new)

        main = evolve(write, subresource="scale", field_validation="Ignore")
        return Answer(200, to_scale(kind, await self._writer.change(main, changed)))


def _write(asked: Asked, request: ResourceRequest, kind: Kind, user: User) -> Write:
    query = asked.query
    manager = query.text("fieldManager")
    if len(manager) > 128:
        detail = FieldError("FieldValueTooLong", "fieldManager", "Too long: may not be more than 128 bytes")
        raise invalid("meta.k8s.io", "PatchOptions", "", [detail])
    agent = re.split(r"[/\s]", asked.header("user-agent"))[0] or "unknown"
    return Write(
        kind,
        request.namespace if kind.namespaced else "",
        request.name,
        user,
        manager or agent[:128],
        request.subresource,
        query.dry_run,
        query.text("fieldValidation"),
        query.flag("force"),
        options=_options(request.verb, query),
    )


def _options(verb: str, query: Query) -> Object:
    """The options of a write, as admission reviews show them."""
    kind = {"create": "CreateOptions", "update": "UpdateOptions", "patch": "PatchOptions"}.get(verb, "DeleteOptions")
    options: Object = {"kind": kind, "apiVersion": "meta.k8s.io/v1"}
    if query.dry_run:
        options["dryRun"] = ["All"]
    if kind == "PatchOptions" and query.flag("force"):
        options["force"] = True
    for name in ("fieldManager", "fieldValidation"):
        if query.text(name) and kind != "DeleteOptions":
            options[name] = query.text(name)
    return options


def _patch_of(asked: Asked, kind: Kind) -> Callable[[Object], Any]:
    """The function that applies the body to the current object."""
    accepted = [JSON_PATCH, MERGE_PATCH, *([STRATEGIC_PATCH] if kind.builtin else []), APPLY]
    content = media_type(asked.header("content-type"))
    if content not in accepted:
        raise unsupported_media_type(", ".join(accepted))
    patch = parsed(asked.body, content, tuple(accepted))
    if content != JSON_PATCH and not isinstance(patch, dict):
        raise bad_request("a merge patch is an object")

    def applied(current: Object) -> Any:
        try:
            if content == JSON_PATCH:
                return json_patch(current, patch)
            if content == MERGE_PATCH:
                return merge_patch(current, patch)
            return strategic_merge_patch(current, patch, kind.schema)
        except BadPatchError as error:
            code, reason = (422, "Invalid") if content == JSON_PATCH else (400, "BadRequest")
            raise ApiError(
                code, reason, f"the server rejected our request due to an error in our request: {error}"
            ) from error

    return applied


def _deletion(asked: Asked) -> Deletion:
    options: Object = {}
    if asked.body.strip():
        body = parsed(asked.body, asked.header("content-type"))
        if not isinstance(body, dict):
            raise bad_request("the body of a delete is a DeleteOptions object")
        options = body
    if policy := asked.query.text("propagationPolicy"):
        options["propagationPolicy"] = policy
    if (grace := asked.query.number("gracePeriodSeconds")) is not None:
        options["gracePeriodSeconds"] = grace
    if options.get("propagationPolicy") not in (None, "Background", "Foreground", "Orphan"):
        raise bad_request(
            f'propagationPolicy: Unsupported value: "{options["propagationPolicy"]}": '
            "supported values: Background, Foreground, Orphan"
        )
    return deletion_of(options)
