"""The checks: what is sent or done, what must come, what came."""

from collections.abc import Awaitable, Callable

from attrs import frozen
from twisted.internet.error import ConnectError

from aegis_api.annotations import IDENTITY, INGRESS, INGRESS_PORT, INJECTED_LABEL
from aegis_local.client.resources import PODS, Key, Object, Resource
from aegis_local.demo.requests import Answer, Request
from aegis_local.demo.stage import NAMESPACE, Stage, described
from aegis_local.demo.table import Row
from aegis_local.demo.tokens import leaks, needles
from aegis_local.waiting import TooLate, until

_GROUP = "aegis.aegisproxy.io/v1"
_POLICIES = Resource(_GROUP, "IngressPolicy", "ingresspolicies", True)
_IDENTITIES = Resource(_GROUP, "Identity", "identities", True)
_ROLES = Resource("rbac.authorization.k8s.io/v1", "Role", "roles", True)
_CHANGE_SECONDS = 20.0
_GARBAGE = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6ZGVtbzp2aXNpdG9yIn0.x"

ALLOWED = "200 chain01>chain02>chain03"
NO_TOKEN = "401, Bearer challenge"  # noqa: S105  # what the table shows, no password


@frozen
class Check:
    """`logs` are the containers (POD, CONTAINER) whose logs tell more if it fails."""

    run: Callable[[Stage], Awaitable[Row]]
    logs: tuple[tuple[str, str], ...]


@frozen
class Group:
    title: str
    checks: tuple[Check, ...]


def _host(service: str) -> str:
    return f"{service}.{NAMESPACE}.svc"


def _judged(what: str, expected: str, got: str) -> Row:
    return Row(what, expected, got, expected == got)


async def _got(answer: Awaitable[Answer]) -> str:
    try:
        return described(await answer)
    except (OSError, ConnectError, LookupError) as error:
        return f"no answer: {type(error).__name__}"


def request(
    what: str,
    expected: str,
    service: str,
    *,
    account: str = "",
    audience: str = "",
    method: str = "GET",
    path: str = "/",
) -> Check:
    """A request to a service with the token of an account, made for `audience` (default: that service)."""

    async def run(stage: Stage) -> Row:
        token = await stage.token(account, audience or service) if account else None
        sent = Request(_host(service), method, path, token)
        return _judged(what, expected, await _got(stage.send(sent)))

    return Check(run, ((service, "aegis-proxy"),))


def garbage() -> Check:
    what = "GET chain01/ with a forged token (alg none)"

    async def run(stage: Stage) -> Row:
        return _judged(what, NO_TOKEN, await _got(stage.send(Request(_host("chain01"), token=_GARBAGE))))

    return Check(run, (("chain01", "aegis-proxy"),))


def outgoing(what: str, expected: str, pod: str, service: str) -> Check:
    """A request to a service that the sidecar of a pod sends for its app, without further ado."""

    async def run(stage: Stage) -> Row:
        return _judged(what, expected, await _got(stage.send_through(pod, _outgoing(service))))

    return Check(run, ((pod, "aegis-proxy"), (service, "aegis-proxy")))


def _outgoing(service: str) -> Request:
    return Request(_host(service), path=f"http://{_host(service)}/")


async def _becomes(stage: Stage, what: str, expected: str, sent: Request, by: str = "") -> Row:
    """The row of a request (by the sidecar of a pod, or straight) whose answer must change to `expected` in time."""
    got = ""

    async def holds() -> bool:
        nonlocal got
        got = await _got(stage.send_through(by, sent) if by else stage.send(sent))
        return got == expected

    try:
        await until(stage.machine.reactor, holds, _CHANGE_SECONDS, what)
    except TooLate:
        return Row(what, expected, f"{got}, after {_CHANGE_SECONDS:.0f} s still", False)
    return Row(what, expected, got, True)


def policy_edited() -> Check:
    what = "POST chain01/ again, once its IngressPolicy allows POST (edited live)"
    expected = "200 chain01, same process"

    async def run(stage: Stage) -> Row:
        before = await _sidecar(stage, "chain01")
        key = Key(NAMESPACE, "chain01")
        rules = (await stage.api.get(_POLICIES, key))["spec"]["rules"]
        changed = [{**rules[0], "methods": ["GET", "POST"]}, *rules[1:]]
        await stage.api.merge(_POLICIES, key, {"spec": {"rules": changed}})
        token = await stage.token("visitor", "chain01")
        row = await _becomes(stage, what, "200 chain01", Request(_host("chain01"), "POST", "/", token))
        same = before == await _sidecar(stage, "chain01")
        return _judged(what, expected, f"{row.got}, {'same process' if same else 'restarted'}")

    return Check(run, (("chain01", "aegis-proxy"),))


async def _sidecar(stage: Stage, pod: str) -> Object:
    """Since when the sidecar runs, and how often it was started again."""
    found = await stage.api.get(PODS, Key(NAMESPACE, pod))
    status: Object = found["status"]["initContainerStatuses"][0]
    return {"restarts": status["restartCount"], "state": status["state"]}


def policy_deleted() -> Check:
    what = "GET chain03/public, once the IngressPolicy of chain03 is deleted"

    async def run(stage: Stage) -> Row:
        await stage.api.delete(_POLICIES, Key(NAMESPACE, "chain03"))
        token = await stage.token("visitor", "chain03")
        return await _becomes(stage, what, "403", Request(_host("chain03"), path="/public", token=token))

    return Check(run, (("chain03", "aegis-proxy"),))


def policy_restored() -> Check:
    what = "GET chain01/, once that policy is there again"

    async def run(stage: Stage) -> Row:
        await stage.apply_mesh()
        token = await stage.token("visitor", "chain01")
        return await _becomes(stage, what, ALLOWED, Request(_host("chain01"), token=token))

    return Check(run, (("chain03", "aegis-proxy"),))


def identity_deleted() -> Check:
    what = "the same, once the Identity chain02 is deleted: never without a token"

    async def run(stage: Stage) -> Row:
        await stage.api.delete(_IDENTITIES, Key(NAMESPACE, "chain02"))
        return await _becomes(stage, what, "503", _outgoing("chain03"), by="chain02")

    return Check(run, (("chain02", "aegis-proxy"),))


def rights_pruned() -> Check:
    what = "the Role that the ServiceAccount of chain02 had"

    async def run(stage: Stage) -> Row:
        key = Key(NAMESPACE, "aegis-proxy-chain02")

        async def gone() -> bool:
            return await stage.api.find(_ROLES, key) is None

        try:
            await until(stage.machine.reactor, gone, _CHANGE_SECONDS, what)
        except TooLate:
            return Row(what, "pruned", "still there", False)
        return Row(what, "pruned", "pruned", True)

    return Check(run, (("chain02", "aegis-proxy"),))


def identity_restored() -> Check:
    what = "GET chain01/, once the Identity is there again and chain02 runs anew"

    async def run(stage: Stage) -> Row:
        await stage.remove_pod("chain02")
        await stage.apply_mesh()
        await stage.apply_workloads(["chain02"])
        token = await stage.token("visitor", "chain01")
        return await _becomes(stage, what, ALLOWED, Request(_host("chain01"), token=token))

    return Check(run, (("chain02", "aegis-proxy"),))


def _pod(name: str, annotations: dict[str, str]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "annotations": annotations},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "app", "image": "aegis-demo", "command": ["sleep", "1000"]}],
        },
    }


def plain_pod() -> Check:
    what = "create a pod without annotations"

    async def run(stage: Stage) -> Row:
        pod = _pod("plain", {"example.com/team": "blue"})
        refusal = await stage.refusal_of(pod)
        if refusal is not None:
            return Row(what, "left alone", refusal, False)
        found = await stage.api.get(PODS, Key(NAMESPACE, "plain"))
        ours = [found["spec"].get(part) for part in ("initContainers", "volumes")]
        labelled = INJECTED_LABEL in (found["metadata"].get("labels") or {})
        alone = not any(ours) and not labelled and len(found["spec"]["containers"]) == 1
        await stage.remove_pod("plain")
        return _judged(what, "left alone", "left alone" if alone else "changed")

    return Check(run, ())


def bad_annotation() -> Check:
    what = f'create a pod with {INGRESS_PORT}: "80a"'
    expected = f"refused, naming {INGRESS_PORT}"

    async def run(stage: Stage) -> Row:
        pod = _pod("wrong", {INGRESS: "true", INGRESS_PORT: "80a", IDENTITY: "chain01"})
        refusal = await stage.refusal_of(pod)
        if refusal is None:
            await stage.remove_pod("wrong")
            return Row(what, expected, "taken", False)
        named = INGRESS_PORT in refusal and "80a" in refusal
        return Row(what, expected, expected if named else refusal, named)

    return Check(run, ())


def no_secrets() -> Check:
    async def run(stage: Stage) -> Row:
        stage.remember_credentials()
        logs = sorted((stage.machine.state / "logs").iterdir())
        wanted = needles(stage.credentials)
        what = f"search {len(logs)} logs for {len(wanted)} tokens that were in use"
        found = leaks(logs, wanted)
        return _judged(what, "none found", f"found in {', '.join(found)}" if found else "none found")

    return Check(run, ())
