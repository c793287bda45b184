"""Make `aegis_local/kube/data/protobuf.json` from the .proto files of k8s.io/api and k8s.io/apimachinery.

Usage: extract_protobuf.py API_SOURCE APIMACHINERY_SOURCE OUTPUT. It needs `schemas.json` beside OUTPUT, which tells how
JSON spells a field. A field is [JSON name, type, shape]: an empty name is a Go struct embedded in its parent, the
shape is one, many or map (of that type by string).
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

_FIELD = re.compile(r"^\s*(optional|repeated|map<string, ([\w.]+)>)\s+(?:([\w.]+)\s+)?(\w+) = (\d+);")
_SCALARS = ("string", "bytes", "bool", "int32", "int64", "uint32", "double")


def messages(text: str) -> dict[str, dict[str, list[str]]]:
    package = re.search(r"^package ([\w.]+);", text, re.MULTILINE)
    assert package
    found: dict[str, dict[str, list[str]]] = {}
    current = ""
    for line in text.splitlines():
        if start := re.match(r"^message (\w+) \{", line):
            current = f"{package[1]}.{start[1]}"
            found[current] = {}
        elif field := _FIELD.match(line):
            label, of_map, plain, name, number = field.groups()
            kind = of_map or plain
            if kind.startswith("."):
                kind = kind[1:]
            elif kind not in _SCALARS:
                kind = f"{package[1]}.{kind}" if "." not in kind else kind
            shape = "map" if of_map else "many" if label == "repeated" else "one"
            found[current][number] = [name, kind, shape]
    return found


def main(api: Path, apimachinery: Path, output: Path) -> None:
    schemas = json.loads((output.parent / "schemas.json").read_text())["schemas"]
    found: dict[str, Any] = {}
    for path in [*sorted(api.glob("*/v1/generated.proto")), *sorted(apimachinery.rglob("generated.proto"))]:
        found |= messages(path.read_text())
    chosen: dict[str, Any] = {}
    waiting = ["k8s.io.apimachinery.pkg.runtime.Unknown", "k8s.io.apimachinery.pkg.apis.meta.v1.DeleteOptions"]
    waiting += [name for name in found if "x-kubernetes-group-version-kind" in schemas.get(openapi_name(name), {})]
    while waiting:
        name = waiting.pop()
        if name in chosen or name not in found:
            continue
        spelled = {key.lower(): key for key in schemas.get(openapi_name(name), {}).get("properties", {})}
        chosen[name] = {
            number: [spelled.get(field.lower(), "") if spelled else field, kind, shape]
            for number, (field, kind, shape) in found[name].items()
        }
        waiting += [kind for _, kind, _ in found[name].values() if kind not in _SCALARS]
    lines = (f"{json.dumps(name)}: {json.dumps(fields)}" for name, fields in sorted(chosen.items()))
    output.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def openapi_name(message: str) -> str:
    return message.replace("k8s.io.", "io.k8s.", 1)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
