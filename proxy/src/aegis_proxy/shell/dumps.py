"""Keeps the memory of the proxy, which holds tokens and keys, out of core dumps and of other processes' reach."""

import ctypes
import resource
import sys

_PR_SET_DUMPABLE = 4  # linux/prctl.h


def forbid_dumps() -> None:
    """No core dump from now on; on Linux, who is not root can neither trace this process nor read its /proc entries
    (prctl(2), PR_SET_DUMPABLE). Raises OSError where the system refuses.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE)")
