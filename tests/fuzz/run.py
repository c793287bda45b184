"""Fuzzes one parser with atheris (libFuzzer, guided by coverage of our code). `task fuzz -- NAME --seconds N`.

What it finds is written to `tests/fuzz/regressions/NAME/`: mend it and keep the file, which the fast tier replays.
What it learns stays in CACHE/fuzz/NAME, so that the next run goes on from there.
"""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
if __name__ == "__main__":
    sys.path[0] = str(HERE.parent)

import atheris  # noqa: E402  # of the dependency group `fuzz`; found only by the path that was just set

with atheris.instrument_imports(include=["aegis_api", "aegis_proxy", "aegis_webhook"]):
    from fuzz.targets import TARGETS
from fuzz.seeds import SEEDS  # noqa: E402  # same
from servers.build import cache_folder  # noqa: E402  # same

LONGEST_INPUT = 4096


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(TARGETS), help="the parser")
    parser.add_argument("--seconds", type=int, default=60, help="how long (default: %(default)s)")
    asked = parser.parse_args()
    learned = cache_folder(os.environ, Path.home()) / "fuzz" / asked.name
    found = HERE / "regressions" / asked.name
    for folder in (learned, found):
        folder.mkdir(parents=True, exist_ok=True)
    seeds = Path(tempfile.mkdtemp(prefix="aegis-seeds-"))
    for number, seed in enumerate(SEEDS[asked.name]):
        (seeds / str(number)).write_bytes(seed)
    flags = [
        f"-max_total_time={asked.seconds}",
        f"-max_len={LONGEST_INPUT}",
        f"-artifact_prefix={found}/",
        "-timeout=10",
    ]
    # libFuzzer ends the process itself, so nothing after `Fuzz` is run.
    atheris.Setup(
        [sys.argv[0], *flags, "-print_final_stats=1", str(learned), str(seeds), str(found)], TARGETS[asked.name]
    )
    atheris.Fuzz()
    shutil.rmtree(seeds)


if __name__ == "__main__":
    main()
