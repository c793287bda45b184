"""The CRDs and the parser are two hands of one mind: what one accepts, the other accepts."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis_api.policy import MAX_CLAIM_NAME, MAX_CLAIMS, MAX_RULES
from aegis_api.reading import ParseError
from aegis_api.resources import GROUP, KINDS, VERSION, Kind, parse_resource
from support.resource_documents import documents
from support.structural_schema import CRDS, Admitted, Refused, admit, crd

SHORT_NAMES = {"IdentityProvider": "idp", "ClusterIdentityProvider": "cidp", "Identity": "aid", "IngressPolicy": "ipol"}

kinds = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def parsed(document: object) -> object:
    try:
        return parse_resource(document)
    except ParseError as error:
        return error


@kinds
@given(data=st.data())
@settings(max_examples=150)
def test_schema_and_parser_accept_the_same_objects(kind: Kind, data: st.DataObject) -> None:
    """An object is stored by the API server exactly when the proxy can read it, and defaults change nothing."""
    document = data.draw(documents(kind.name))
    verdict, value = admit(kind.plural, document), parsed(document)
    assert isinstance(verdict, Admitted) == (not isinstance(value, ParseError)), (document, verdict, value)
    if isinstance(verdict, Admitted):
        assert parse_resource(verdict.document) == value


def policy(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "IngressPolicy",
        "metadata": {"name": "a", "namespace": "shop"},
        "spec": spec,
    }


def rule(**fields: Any) -> dict[str, Any]:
    return {"methods": ["GET"], "paths": ["/"], "identities": ["*"], **fields}


@pytest.mark.parametrize(
    ("spec", "accepted"),
    [
        ({"rules": [rule()] * MAX_RULES}, True),
        ({"rules": [rule()] * (MAX_RULES + 1)}, False),
        ({"rules": [rule(name="a"), rule(name="a")]}, False),
        ({"rules": [rule(name="a"), rule(), rule()]}, True),
        ({"rules": [rule(claims={f"c{n}": ["x"] for n in range(MAX_CLAIMS)})]}, True),
        ({"rules": [rule(claims={f"c{n}": ["x"] for n in range(MAX_CLAIMS + 1)})]}, False),
        ({"rules": [rule(claims={"c" * MAX_CLAIM_NAME: ["x"]})]}, True),
        ({"rules": [rule(claims={"c" * (MAX_CLAIM_NAME + 1): ["x"]})]}, False),
        ({"rules": [rule(methods=["get"])]}, False),
        ({"rules": [rule(unauthenticated=True)]}, False),
        ({"rules": [{"methods": ["GET"], "paths": ["/"]}]}, False),
        ({"rules": [{"methods": ["GET"], "paths": ["/"], "unauthenticated": True}]}, True),
    ],
    ids=[
        "most rules", "too many rules", "twice a name", "no names", "most claims", "too many claims",
        "longest claim", "too long claim", "P44-lower-case-method", "open with identities", "nobody", "open",
    ],
)  # fmt: skip
def test_bounds_are_the_same_in_both(spec: dict[str, Any], accepted: bool) -> None:
    """Bounds, and rules that span fields, hold in the schema as in the parser."""
    document = policy(**spec)
    assert isinstance(admit("ingresspolicies", document), Admitted) == accepted
    assert isinstance(parsed(document), ParseError) != accepted


def test_refusals_of_rules_that_span_fields_say_what_was_wanted() -> None:
    """A CEL rule's message is the sentence the author reads."""
    verdict = admit("ingresspolicies", policy(rules=[rule(name="a"), rule(name="a"), rule(unauthenticated=True)]))
    assert isinstance(verdict, Refused)
    assert verdict.reasons == (
        "wanted rule names that occur once",
        "wanted identities, or unauthenticated: true without identities and claims",
    )


@given(st.lists(st.integers(0, 255).map(lambda byte: f"%{byte:02X}"), min_size=1, max_size=4))
@settings(max_examples=500)
def test_schema_and_parser_agree_on_escapes(escapes: list[str]) -> None:
    """The schema's expression for escapes that spell UTF-8 is what the canonical form wants."""
    document = policy(rules=[rule(paths=["/" + "".join(escapes)])])
    assert isinstance(admit("ingresspolicies", document), Admitted) == (not isinstance(parsed(document), ParseError))


@kinds
def test_every_kind_has_its_crd(kind: Kind) -> None:
    """Names, scope, category, short name and the status subresource are those of the design."""
    document = crd(kind.plural)
    spec, version = document["spec"], document["spec"]["versions"][0]
    assert document["metadata"]["name"] == f"{kind.plural}.{GROUP}"
    assert spec["scope"] == ("Namespaced" if kind.namespaced else "Cluster")
    assert (spec["names"]["kind"], spec["names"]["plural"]) == (kind.name, kind.plural)
    assert spec["names"]["shortNames"] == [SHORT_NAMES[kind.name]]
    assert spec["names"]["categories"] == ["aegis"]
    assert (version["name"], version["served"], version["storage"]) == (VERSION, True, True)
    assert version["subresources"] == {"status": {}}
    assert [column["name"] for column in version["additionalPrinterColumns"]][-1] in ("Age", "Issuer")
    status = version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
    assert status["conditions"]["x-kubernetes-list-map-keys"] == ["type"]
    assert status["observedGeneration"]["type"] == "integer"


def test_no_other_files_define_kinds() -> None:
    """The folder holds one YAML per kind."""
    assert {path.stem for path in CRDS.glob("*.yaml")} == {kind.plural for kind in KINDS.values()}


def test_both_kinds_of_provider_have_one_spec() -> None:
    """A ClusterIdentityProvider is an IdentityProvider plus the namespaces that may use it."""

    def spec(plural: str) -> dict[str, Any]:
        properties = crd(plural)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
        return {name: part for name, part in properties["spec"]["properties"].items() if name != "namespaceSelector"}

    assert spec("identityproviders") == spec("clusteridentityproviders")


def _lists(schema: Any) -> list[dict[str, Any]]:
    if not isinstance(schema, dict):
        return []
    below = [found for part in schema.values() for found in _lists(part)]
    return [*below, schema] if schema.get("type") == "array" else below


@kinds
def test_every_list_says_how_it_is_merged(kind: Kind) -> None:
    """Server-side apply needs to know whether several owners may share a list."""
    schema = crd(kind.plural)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert all(part["x-kubernetes-list-type"] in ("atomic", "map") for part in _lists(schema))
