"""The guard's bookkeeping."""

import os
import subprocess

from aegis_local.process.guard import kill, left


def test_what_started_and_did_not_end_is_left() -> None:
    """Lines with + and - are counted; a torn line counts for nothing."""
    assert left(["+1\n", "+2\n", "-1\n", "+3\n", "?"]) == {2, 3}


def test_killing_passes_over_what_is_gone_and_itself() -> None:
    """A group that has ended is no error, and the guard does not kill itself half-way."""
    sleeper = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    ended = subprocess.Popen(["true"], start_new_session=True)
    ended.wait()
    kill([os.getpid(), ended.pid, sleeper.pid])
    assert sleeper.wait() == -9
