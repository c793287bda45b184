from typing import Any

import pytest

from aegis_local.kube.table_columns import COMPUTED, age

NOW = 1_800_000_000.0
MINUTE_AGO = "2027-01-15T07:59:00Z"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"),
        (-0.5, "0s"),
        (119, "119s"),
        (120, "2m"),
        (125, "2m5s"),
        (600, "10m"),
        (7200, "120m"),
        (3 * 3600, "3h"),
        (3 * 3600 + 60, "3h1m"),
        (9 * 3600, "9h"),
        (49 * 3600, "2d1h"),
        (48 * 3600, "2d"),
        (20 * 86400, "20d"),
        (731 * 86400, "2y1d"),
        (730 * 86400, "2y"),
        (9 * 365 * 86400 + 86400, "9y"),
    ],
)
def test_ages_are_human(seconds: float, text: str) -> None:
    """As kubectl prints durations."""
    assert age(seconds) == text


STATUS = {"name": "a", "ready": True, "restartCount": 2}
POD = {
    "metadata": {"creationTimestamp": MINUTE_AGO},
    "spec": {
        "containers": [{"name": "a"}, {"name": "b"}],
        "initContainers": [{"name": "s", "restartPolicy": "Always"}, {"name": "i"}],
    },
    "status": {
        "phase": "Running",
        "containerStatuses": [STATUS],
        "initContainerStatuses": [{"name": "s", "ready": True}, {"name": "i", "ready": True}],
    },
}


def pod_with_state(**state: Any) -> dict[str, Any]:
    return {"metadata": {}, "status": {"phase": "Running", "containerStatuses": [{"state": state}]}}


@pytest.mark.parametrize(
    ("column", "obj", "expected"),
    [
        ("age", POD, "60s"),
        ("age", {}, "<unknown>"),
        ("pod_ready", POD, "2/3"),
        ("pod_restarts", POD, "2"),
        ("pod_status", POD, "Running"),
        ("pod_status", {"metadata": {"deletionTimestamp": MINUTE_AGO}}, "Terminating"),
        ("pod_status", {}, "Unknown"),
        ("pod_status", pod_with_state(waiting={"reason": "ImagePullBackOff"}), "ImagePullBackOff"),
        ("pod_status", pod_with_state(terminated={"exitCode": 3}), "ExitCode:3"),
        ("pod_status", pod_with_state(terminated={"reason": "Error"}), "Error"),
        ("pod_status", pod_with_state(running={}), "Running"),
        ("pod_readiness_gates", POD, "<none>"),
        ("service_external_ip", {"spec": {"type": "ExternalName", "externalName": "e"}}, "e"),
        ("service_external_ip", {"spec": {"externalIPs": ["1.2.3.4"]}}, "1.2.3.4"),
        ("service_external_ip", {}, "<none>"),
        ("service_ports", {"spec": {"ports": [{"port": 80}, {"port": 53, "protocol": "UDP"}]}}, "80/TCP,53/UDP"),
        ("service_ports", {}, "<none>"),
        ("service_selector", {"spec": {"selector": {"b": "2", "a": "1"}}}, "a=1,b=2"),
        ("service_selector", {}, "<none>"),
        ("data_count", {"data": {"a": 1}, "binaryData": {"b": 1}}, 2),
        ("event_last_seen", {"lastTimestamp": MINUTE_AGO}, "60s"),
        ("event_last_seen", {}, "<unknown>"),
        ("event_object", {"involvedObject": {"kind": "Pod", "name": "x"}}, "pod/x"),
        ("endpoints_addresses", {"subsets": [{"addresses": [{"ip": "1.1.1.1"}], "ports": [{"port": 1}]}]}, "1.1.1.1:1"),
        ("endpoints_addresses", {}, "<none>"),
        ("slice_addresses", {"endpoints": [{"addresses": ["a", "b"]}]}, "a,b"),
        ("slice_ports", {"ports": [{"port": 1}]}, "1"),
        ("slice_ports", {}, "<unset>"),
        ("binding_role", {"roleRef": {"kind": "Role", "name": "r"}}, "Role/r"),
        ("deployment_ready", {"spec": {"replicas": 3}, "status": {"readyReplicas": 1}}, "1/3"),
        ("deployment_updated", {"status": {"updatedReplicas": 2}}, 2),
        ("deployment_available", {}, 0),
        ("webhook_count", {"webhooks": [1, 2]}, 2),
    ],
)
def test_computed_cells(column: str, obj: dict[str, Any], expected: Any) -> None:
    """What kubectl shows of built-in kinds."""
    assert COMPUTED[column](obj, NOW) == expected
