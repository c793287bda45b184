import subprocess
import sys

import pytest

# In a process of its own, for what is forbidden stays so. 3 is PR_GET_DUMPABLE (prctl(2)).
FORBID = """
import ctypes, resource
from aegis_proxy.shell.dumps import forbid_dumps
def seen():
    return resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) if linux else 0
forbid_dumps()
print(seen())
"""


@pytest.mark.attack("S08")
def test_nothing_is_dumped_any_more() -> None:
    """Neither a core file, which no limit allows, nor memory for other processes."""
    text = f"linux = {sys.platform == 'linux'}\n{FORBID}"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "((0, 0), 0)\n"
