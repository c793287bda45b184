"""A pod's status, from what its containers are doing. Pure."""

from collections.abc import Sequence

from attrs import frozen

from aegis_local.client.conditions import Holds, conditions, timestamp
from aegis_local.client.resources import Object
from aegis_local.kubelet.container import Ended, Running, State, Waiting
from aegis_local.kubelet.environment import POD_IP


@frozen
class View:
    """A container at one moment. `sidecar` and `init` tell its place in the pod."""

    name: str
    image: str
    state: State
    last: Ended | None = None
    restarts: int = 0
    ready: bool = False
    started: bool = False
    init: bool = False
    sidecar: bool = False


@frozen
class Refused:
    """Why a pod does not run at all."""

    reason: str
    message: str


def state_of(state: State) -> Object:
    match state:
        case Waiting():
            texts = {"reason": state.reason} | ({"message": state.message} if state.message else {})
            return {"waiting": texts}
        case Running():
            return {"running": {"startedAt": timestamp(state.started)}}
        case Ended():
            ended: Object = {
                "exitCode": state.exit.code,
                "reason": state.reason,
                "startedAt": timestamp(state.started),
                "finishedAt": timestamp(state.finished),
            }
            return {"terminated": ended | ({"signal": int(state.exit.signal)} if state.exit.signal else {})}


def container_status(view: View) -> Object:
    return {
        "name": view.name,
        "image": view.image,
        "imageID": "",
        "state": state_of(view.state),
        "lastState": state_of(view.last) if view.last else {},
        "ready": _counts_as_ready(view),
        "started": view.started,
        "restartCount": view.restarts,
    }


def _counts_as_ready(view: View) -> bool:
    if view.init and not view.sidecar:
        return isinstance(view.state, Ended) and view.state.exit.code == 0
    return view.ready


def initialized(views: Sequence[View]) -> bool:
    """Whether every init container has done its part: ended well, or, a sidecar, has started."""
    return all(view.started if view.sidecar else _counts_as_ready(view) for view in views if view.init)


def phase_of(views: Sequence[View], policy: str) -> str:
    """Pending until initialized, then Running until every app container has ended for good."""
    apps = [view for view in views if not view.init]
    ends = [view.state.exit.code for view in apps if isinstance(view.state, Ended)]
    if policy != "Always" and len(ends) == len(apps):
        return "Succeeded" if not any(ends) else "Failed"
    inits = [view.state for view in views if view.init and not view.sidecar]
    if policy == "Never" and any(isinstance(state, Ended) and state.exit.code for state in inits):
        return "Failed"
    begun = any(isinstance(view.state, (Running, Ended)) or view.last for view in apps)
    return "Running" if begun else "Pending"


def pod_status(pod: Object, views: Sequence[View], refused: Refused | None, started: float, now: float) -> Object:
    """The whole status; `started` and `now` are seconds since the epoch."""
    before = pod.get("status", {})
    ready = not refused and initialized(views) and all(_counts_as_ready(v) for v in views if v.sidecar or not v.init)
    not_ready = [view.name for view in views if (view.sidecar or not view.init) and not _counts_as_ready(view)]
    message = f"containers with unready status: [{' '.join(not_ready)}]" if not_ready else ""
    reason = "" if ready else (refused.reason if refused else "ContainersNotReady")
    done = initialized(views) and not refused
    waiting_for = [view.name for view in views if view.init and not (view.started or _counts_as_ready(view))]
    held = [
        Holds("PodScheduled", True),
        Holds(
            "Initialized",
            done,
            "" if done else "ContainersNotInitialized",
            "" if done else f"containers with incomplete status: [{' '.join(waiting_for)}]",
        ),
        Holds("ContainersReady", ready, reason, "" if ready else message),
        Holds("Ready", ready, reason, "" if ready else message),
    ]
    status: Object = {
        "phase": "Failed" if refused else phase_of(views, pod["spec"].get("restartPolicy", "Always")),
        "hostIP": POD_IP,
        "podIP": POD_IP,
        "podIPs": [{"ip": POD_IP}],
        "startTime": timestamp(started),
        "conditions": conditions(before.get("conditions") or (), held, timestamp(now)),
        "containerStatuses": [container_status(view) for view in views if not view.init],
    }
    if inits := [container_status(view) for view in views if view.init]:
        status["initContainerStatuses"] = inits
    if refused:
        status |= {"reason": refused.reason, "message": refused.message}
    return status
