"""K14: policy, provider and keys are replaced while requests are judged. One snapshot decides each of them."""

import threading
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from support.mesh import request
from support.proxy_process import ProxyProcess, policy, provider, rule, signed
from support.raw_client import RawClient
from support.recording_origin import RecordingOrigin
from support.tokens import SigningKey, signing_key
from support.waiting import eventually

OLD, NEW = signing_key("ES256", "k1", 1), signing_key("ES256", "k1", 2)
SETS = (
    (provider(OLD), policy(rule("old", ["GET"], "/public", identities=["first"]))),
    (provider(NEW), policy(rule("new", ["GET"], "/public", identities=["second"]))),
)


def asked(key: SigningKey, name: str) -> bytes:
    credentials = b"Authorization: Bearer " + signed(key, sub=f"system:serviceaccount:shop:{name}")
    return request(b"/public/" + name.encode(), credentials, auth=False)


class Caller(threading.Thread):
    """Asks the same again and again on one connection, until `ended`; `statuses` counts the answers."""

    def __init__(self, proxy: ProxyProcess, data: bytes, ended: threading.Event) -> None:
        super().__init__(daemon=True)
        self.statuses: Counter[int] = Counter()
        self._port, self._data, self._ended = proxy.ingress, data, ended

    def run(self) -> None:
        with RawClient(self._port) as client:
            while not self._ended.is_set():
                self.statuses[client.send(self._data).answer().status] += 1


@pytest.mark.attack("X17")
def test_k14_no_request_is_judged_by_two_generations(tmp_path: Path) -> None:
    """The keys of one and the rules of the other would let through who is allowed by neither."""
    ended = threading.Event()
    with RecordingOrigin() as origin:
        flags = ["--provider=corp", "--policy=orders", f"--ingress-upstream=127.0.0.1:{origin.port}"]
        with ProxyProcess(tmp_path, SETS[0], *flags) as proxy:
            mixed = [Caller(proxy, asked(OLD, "second"), ended), Caller(proxy, asked(NEW, "first"), ended)]
            whole = [Caller(proxy, asked(OLD, "first"), ended), Caller(proxy, asked(NEW, "second"), ended)]
            for caller in (*mixed, *whole):
                caller.start()
            for number in range(1, 5):
                before = [Counter(caller.statuses) for caller in whole]
                proxy.apply(*SETS[number % 2])
                eventually(partial(taken_over, whole, before, number % 2))
            ended.set()
            for caller in (*mixed, *whole):
                caller.join(10)
            proxy.check_log()
        assert [set(caller.statuses) for caller in mixed] == [{401, 403}, {401, 403}]
        assert [set(caller.statuses) for caller in whole] == [{200, 401}, {200, 401}]
        assert {seen.target for seen in origin.requests} == {b"/public/first", b"/public/second"}
        assert len(origin.requests) == sum(caller.statuses[200] for caller in whole)


def taken_over(whole: list[Caller], before: list[Counter[int]], now_good: int) -> bool:
    """Whether both callers have had a new answer of the set that is in force now."""
    return all(
        caller.statuses[200 if at == now_good else 401] > before[at][200 if at == now_good else 401]
        for at, caller in enumerate(whole)
    )
