"""The launcher, as the process that it is."""

import os
import subprocess
import sys

from aegis_local.process import launch


def test_the_program_leads_its_group_and_the_guard_knows_it() -> None:
    """The guard's pipe holds the process group's id, and the program does not inherit the pipe."""
    reading, writing = os.pipe()
    try:
        script = f"import os; print(os.getpid(), os.getpgid(0), os.getcwd()); os.write({writing}, b'x')"
        command = [sys.executable, "-I", "-S", launch.__file__, str(writing), "/", sys.executable, "-c", script]
        result = subprocess.run(command, pass_fds=[writing], capture_output=True, text=True, check=False)
        pid, group, folder = result.stdout.split()
        assert pid == group
        assert folder == "/"
        assert os.read(reading, 100) == f"+{pid}\n".encode()
        assert "Bad file descriptor" in result.stderr
    finally:
        os.close(reading)
        os.close(writing)
