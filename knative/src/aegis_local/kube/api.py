"""The API as a function: an authenticated, authorised request in, an Answer or a Watch out."""

from collections.abc import Callable, Collection
from random import SystemRandom

from aegis_local.kube import discovery, openapi, rbac
from aegis_local.kube.authentication import Authenticator, impersonated
from aegis_local.kube.decoding import conformed, parsed
from aegis_local.kube.errors import ApiError, forbidden, method_not_allowed, no_such_path, not_acceptable
from aegis_local.kube.handlers import Answer, Asked, Handlers
from aegis_local.kube.kinds import Kind, Registry, builtin_kinds
from aegis_local.kube.objects import Object
from aegis_local.kube.rbac import Action
from aegis_local.kube.reading import selector_of, watch_start
from aegis_local.kube.rendering import form_of, watched
from aegis_local.kube.requests import ResourceRequest, parse_resource_request
from aegis_local.kube.reviews import Reviews
from aegis_local.kube.store import Store
from aegis_local.kube.tokens import TokenIssuer
from aegis_local.kube.users import User
from aegis_local.kube.watching import Watch

VERSION: Object = {
    "major": "1",
    "minor": "36",
    "gitVersion": "v1.36.3+aegis-local",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "cpython",
    "platform": "embedded",
}
_TOKEN_REQUEST = next(kind for kind in builtin_kinds() if kind.kind == "TokenRequest")
_SHORTEST_WATCH, _LONGEST_WATCH = 1800, 3600


class Api:
    """Everything that the server answers. `clock` gives seconds since the epoch; `fault` injects a named fault."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        handlers: Handlers,
        reviews: Reviews,
        authenticator: Authenticator,
        issuer: TokenIssuer,
        clock: Callable[[], float],
        fault: Callable[[str], bool] | None,
    ) -> None:
        self._store = store
        self._registry = registry
        self._handlers = handlers
        self._reviews = reviews
        self._authenticator = authenticator
        self._issuer = issuer
        self._clock = clock
        self._fault = fault
        self._random = SystemRandom()

    async def answer(self, asked: Asked) -> Answer | Watch:
        """Answer one request; every refusal is an Answer with a Status."""
        try:
            return await self._answer(asked)
        except ApiError as error:
            return Answer(error.code, error.status())

    async def _answer(self, asked: Asked) -> Answer | Watch:
        user = self._user(asked)
        request = parse_resource_request(asked.method, asked.path, asked.query)
        if request is None:
            self._authorize(user, Action(asked.method.lower(), path=asked.path))
            return self._document(asked)
        self._authorize(user, action_of(request))
        kind = self._registry.find(request.group, request.version, request.resource)
        if kind is None or not _has_path(kind, request):
            raise no_such_path()
        if not kind.stored or request.subresource == "token":
            return self._review(asked, request, kind, user)
        if request.verb not in _verbs(kind, request):
            raise method_not_allowed()
        if request.verb == "watch":
            return self._watch(asked, request, kind)
        return await self._handlers.handle(asked, request, kind, user)

    def _user(self, asked: Asked) -> User:
        user = self._authenticator.user_of(asked.header("authorization"))
        other = impersonated(asked.headers)
        if other is None:
            return user
        parts = other.name.split(":")
        if parts[:2] == ["system", "serviceaccount"] and len(parts) == 4:
            self._authorize(user, Action("impersonate", "", "serviceaccounts", "", parts[2], parts[3]))
        else:
            self._authorize(user, Action("impersonate", "", "users", name=other.name))
        for group in asked.header("impersonate-group").split(",") if asked.header("impersonate-group") else ():
            self._authorize(user, Action("impersonate", "", "groups", name=group))
        return other

    def _authorize(self, user: User, action: Action) -> None:
        if rbac.allowed(self._store, user, action):
            return
        why = rbac.refusal(user, action)
        if action.path:
            raise ApiError(403, "Forbidden", f"forbidden: {why}")
        raise forbidden(action.group, action.described.partition("/")[0], action.name, why)

    def _review(self, asked: Asked, request: ResourceRequest, kind: Kind, user: User) -> Answer:
        if request.verb != "create":
            raise method_not_allowed()
        subject = _TOKEN_REQUEST if request.subresource else kind
        obj = conformed(
            parsed(asked.body, asked.header("content-type")), subject, asked.query.text("fieldValidation"), []
        )
        if request.subresource == "token":
            return Answer(201, self._reviews.token(request.namespace, request.name, obj))
        return Answer(201, self._reviews.answer(kind, obj, user, request.namespace))

    def _watch(self, asked: Asked, request: ResourceRequest, kind: Kind) -> Watch:
        form = form_of(asked.header("accept"), asked.query)
        seconds = asked.query.number("timeoutSeconds")
        return Watch(
            kind,
            request.namespace if kind.namespaced else "",
            watch_start(self._store, kind, request.namespace if kind.namespaced else "", asked.query),
            selector_of(kind, asked.query),
            asked.query.flag("allowWatchBookmarks"),
            float(seconds) if seconds else self._random.uniform(_SHORTEST_WATCH, _LONGEST_WATCH),
            watched(form, kind, self._clock),
            form.content_type,
        )

    def _injected(self, asked: Asked) -> Answer:
        body = parsed(asked.body, asked.header("content-type"))
        if self._fault is None or not isinstance(body, dict) or not self._fault(str(body.get("fault"))):
            raise no_such_path()
        return Answer(200, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})

    def _document(self, asked: Asked) -> Answer:
        if self._fault is not None and asked.path == "/debug/faults" and asked.method == "POST":
            return self._injected(asked)
        if asked.method not in ("GET", "HEAD"):
            raise method_not_allowed()
        path = "/" + asked.path.strip("/")
        match path:
            case "/healthz" | "/livez" | "/readyz":
                return Answer(200, b"ok", "text/plain; charset=utf-8")
            case "/version":
                return Answer(200, VERSION)
            case "/.well-known/openid-configuration":
                return Answer(200, self._issuer.discovery(), headers={"cache-control": "public, max-age=3600"})
            case "/openid/v1/jwks":
                _require_accepted(asked, "application/jwk-set+json")
                cached = {"cache-control": "public, max-age=3600"}
                return Answer(200, self._issuer.jwks(), "application/jwk-set+json", headers=cached)
        body = self._discovered(path, asked)
        if body is None:
            raise no_such_path()
        aggregated = body["kind"] == "APIGroupDiscoveryList" if "kind" in body else False
        return Answer(200, body, discovery.AGGREGATED if aggregated else "application/json")

    def _discovered(self, path: str, asked: Asked) -> Object | None:
        kinds = self._registry.all()
        parts = path.strip("/").split("/")
        aggregated = "v=v2;as=APIGroupDiscoveryList" in asked.header("accept").replace(" ", "")
        match parts:
            case ["api"]:
                return discovery.aggregated(kinds, True) if aggregated else discovery.api_versions(asked.header("host"))
            case ["apis"]:
                return discovery.aggregated(kinds, False) if aggregated else discovery.api_groups(kinds)
            case ["api", version]:
                return discovery.api_resources(kinds, "", version)
            case ["apis", group]:
                return discovery.api_group(kinds, group)
            case ["apis", group, version]:
                return discovery.api_resources(kinds, group, version)
            case ["openapi", "v3"]:
                return openapi.index(kinds)
            case ["openapi", "v3", *rest]:
                return openapi.document(kinds, "/".join(rest))
        return None


def _has_path(kind: Kind, request: ResourceRequest) -> bool:
    """Whether the path is one of the kind's: its scope, its subresources."""
    if request.subresource and request.subresource not in kind.subresources:
        return False
    if kind.namespaced:
        # Objects are reached through their namespace, lists of all namespaces without one.
        return bool(request.namespace) or request.verb in ("list", "watch") or not request.name
    return not request.namespace or (kind.plural == "namespaces" and request.name == request.namespace)


def _verbs(kind: Kind, request: ResourceRequest) -> Collection[str]:
    """What can be done at the path of a request."""
    if request.subresource:
        return discovery.SUBRESOURCE_VERBS[request.subresource]
    return ("list", "watch") if kind.namespaced and not request.namespace else kind.verbs


def _require_accepted(asked: Asked, media: str) -> None:
    accepted = {item.split(";")[0].strip() for item in asked.header("accept").split(",")}
    if not accepted & {"", "*/*", "application/*", media}:
        raise not_acceptable(media)


def action_of(request: ResourceRequest) -> Action:
    """What a request does, for RBAC."""
    return Action(request.verb, request.group, request.resource, request.subresource, request.namespace, request.name)
