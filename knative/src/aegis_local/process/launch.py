"""Become a program, as the leader of its own process group that the guard knows before the program runs.

Run as `python -I -S launch.py GUARD_FD FOLDER PROGRAM ARGUMENT...`: it imports next to nothing, so it costs
milliseconds. It changes the folder itself, because Twisted would fork for that, and a fork of a program with signal
handlers swallows a signal that comes before it has become another program.
"""

import os
import sys


def main(arguments: list[str]) -> int:
    """Replace this process; a status (127, as shells have it) only when the program cannot be run."""
    guard, folder, program = int(arguments[0]), arguments[1], arguments[2]
    os.setsid()
    os.write(guard, b"+%d\n" % os.getpid())
    os.close(guard)
    try:
        os.chdir(folder)
        os.execvp(program, arguments[2:])  # noqa: S606  # no shell is wanted: the arguments are a list
    except OSError as error:
        sys.stderr.write(f"{program} cannot be run: {error.strerror}\n")
        return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
