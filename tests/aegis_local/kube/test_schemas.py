import pytest

from aegis_local.kube.kinds import Kind, builtin_kinds
from aegis_local.kube.schemas import builtin_schema, definitions, resolved, with_object_fields
from aegis_local.kube.structural import field_schema


def test_every_reference_is_resolved() -> None:
    """A field's schema is what it refers to, with its own keys over it."""
    pod = builtin_schema("", "v1", "Pod")
    containers = pod["properties"]["spec"]["properties"]["containers"]
    assert containers["x-kubernetes-list-map-keys"] == ["name"]
    assert containers["items"]["properties"]["image"]["type"] == "string"
    assert all("$ref" not in schema for schema in resolved().values())


def test_a_recursive_type_is_a_cyclic_schema() -> None:
    """JSONSchemaProps holds itself."""
    schema = resolved()["io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"]
    assert schema["properties"]["not"]["properties"]["not"]["type"] == "object"


def test_managed_fields_may_hold_anything() -> None:
    """FieldsV1 is raw JSON, and nothing of it is pruned."""
    entry = resolved()["io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry"]
    assert field_schema(entry["properties"]["fieldsV1"], "f:spec") is not None


@pytest.mark.parametrize("kind", builtin_kinds(), ids=lambda kind: kind.kind)
def test_each_built_in_kind_has_its_schema(kind: Kind) -> None:
    """The data file is made for exactly the kinds that are served."""
    assert kind.schema["type"] == "object"


def test_a_missing_schema_says_what_to_do() -> None:
    """An unknown kind points at the tool that makes the file."""
    with pytest.raises(LookupError, match=r"tools/extract_schemas.py"):
        builtin_schema("x", "v1", "Y")


def test_custom_kinds_have_metadata_too() -> None:
    """apiVersion, kind and metadata are added to what the CRD says."""
    schema = with_object_fields({"properties": {"spec": {"type": "object"}}})
    assert set(schema["properties"]) == {"apiVersion", "kind", "metadata", "spec"}
    assert "managedFields" in schema["properties"]["metadata"]["properties"]


def test_the_file_says_where_it_is_from() -> None:
    """Definitions keep their names, for OpenAPI."""
    assert "io.k8s.api.core.v1.Pod" in definitions()
