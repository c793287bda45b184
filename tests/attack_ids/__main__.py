"""Prints each id of the attack catalogue with the tests that carry it."""

from support.attack_ids import CATALOGUE, ROOT, carriers, catalogue

tests: dict[str, list[str]] = {}
for each in carriers(ROOT):
    tests.setdefault(each.id, []).append(f"{each.file}::{each.test}")
for name, entry in catalogue(CATALOGUE.read_text("utf-8")).items():
    print(f"{name}  {entry.what}" + (f"  (pending: {entry.pending})" if entry.pending else ""))
    for test in tests.get(name, []):
        print(f"       {test}")
