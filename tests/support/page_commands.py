"""Runs the commands of a page of the documents as its reader would: all of them, in order, in one shell.

A block that is fenced as ```bash is run; everything else on the page (```sh, ```text, ```yaml) is not. What the reader
has to know beforehand, like the address of a server, is an environment variable that the page names.
"""

import os
import secrets
import subprocess
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from support.documents import Page


@frozen
class Ran:
    """One block of a page and what it printed, on both outputs."""

    commands: str
    output: str


class PageFailed(AssertionError):
    """A command of a page failed; the text shows the block and what was printed until then."""


def run_page(page: Path, environment: Mapping[str, str], folder: Path, seconds: float = 300.0) -> list[Ran]:
    """Runs the page's blocks in `folder`, where variables and files of one are there for the next.

    The shell has `environment` beside PATH and HOME (which is `folder`, unless given), and stops at the first command
    that fails, in a pipe too, and at the first variable that is not set. Raises PageFailed then, and when the time is
    over.
    """
    blocks = Page(page, page.read_text()).blocks("bash")
    if not blocks:
        raise PageFailed(f"{page.name} has no block that is fenced as bash")
    mark = f"--{secrets.token_hex(8)}--"
    script = "set -euo pipefail\n" + f"\necho {mark}\n".join(blocks)
    try:
        ended = subprocess.run(
            ["bash", "-c", script],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        output = (error.stdout or b"").decode(errors="replace")
        raise PageFailed(f"{page.name}: not done within {seconds:.0f} s:\n{output.replace(mark, '')}") from None
    outputs = ended.stdout.decode(errors="replace").split(f"{mark}\n")
    if ended.returncode:
        number = len(outputs) - 1
        raise PageFailed(
            f"{page.name}: block {number + 1} of {len(blocks)} ended with {ended.returncode}:\n{blocks[number]}"
            f"---- what was printed ----\n{''.join(outputs)}"
        )
    return [Ran(block, output) for block, output in zip(blocks, outputs, strict=True)]
