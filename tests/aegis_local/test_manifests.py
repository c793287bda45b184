"""The manifests."""

import base64
from pathlib import Path

import pytest

from aegis_local import manifests
from aegis_local.manifests import ManifestError

CONFIGURATION = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingWebhookConfiguration",
    "metadata": {"name": "a"},
    "webhooks": [
        {"name": "x", "clientConfig": {"service": {"namespace": "n", "name": "s"}, "caBundle": ""}},
        {"name": "y", "clientConfig": {"url": "https://127.0.0.1/"}},
    ],
}


def test_documents_of_a_file_are_its_objects() -> None:
    """Empty documents are passed over, and lists taken apart."""
    text = "---\napiVersion: v1\nkind: A\n---\n---\nkind: List\nitems:\n- {apiVersion: v1, kind: B}\n"
    assert [obj["kind"] for obj in manifests.documents(text, "f")] == ["A", "B"]


@pytest.mark.parametrize(("text", "message"), [("a: [", "f is not YAML"), ("a: 1", "f holds .*no kind"), ("- 1", "f")])
def test_what_is_no_manifest_is_refused(text: str, message: str) -> None:
    """With the name of the file."""
    with pytest.raises(ManifestError, match=message):
        manifests.documents(text, "f")


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    """Only .yaml files count; a folder without one is a mistake."""
    (tmp_path / "b.yaml").write_text("{apiVersion: v1, kind: B}")
    (tmp_path / "a.yaml").write_text("{apiVersion: v1, kind: A}")
    (tmp_path / "c.txt").write_text("no")
    assert [obj["kind"] for obj in manifests.read(tmp_path)] == ["A", "B"]
    assert [obj["kind"] for obj in manifests.read(tmp_path / "b.yaml")] == ["B"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ManifestError, match=r"holds no \.yaml file"):
        manifests.read(tmp_path / "empty")
    with pytest.raises(ManifestError, match="cannot be read"):
        manifests.read(tmp_path / "none.yaml")


def test_the_checkout_holds_all_manifests() -> None:
    """What `aegis-local` uses if nothing else is said."""
    root = manifests.checkout()
    kinds = {obj["kind"] for obj in manifests.read(root / "knative")}
    assert {"ApiServerSource", "PingSource", "Service", "MutatingWebhookConfiguration"} <= kinds


def test_outside_a_checkout_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An installed package has no manifests."""
    monkeypatch.setattr(manifests, "__file__", str(tmp_path / "a" / "b" / "c" / "manifests.py"))
    with pytest.raises(ManifestError, match="give --manifests"):
        manifests.checkout()


def test_what_others_need_goes_first() -> None:
    """Namespaces before what is in them, plain Services before Knative's, webhooks last."""
    order = [
        ("v1", "Namespace"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        ("v1", "ServiceAccount"),
        ("v1", "Service"),
        ("serving.knative.dev/v1", "Service"),
        ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
    ]
    objects = [{"apiVersion": version, "kind": kind} for version, kind in order]
    assert manifests.in_order(reversed(objects)) == objects


def test_webhooks_trust_the_certificate_that_is_filled_in() -> None:
    """All of them, and nothing else of them changes."""
    filled = manifests.with_ca_bundle(CONFIGURATION, b"PEM")
    assert {hook["clientConfig"]["caBundle"] for hook in filled["webhooks"]} == {base64.b64encode(b"PEM").decode()}
    assert filled["webhooks"][0]["clientConfig"]["service"] == {"namespace": "n", "name": "s"}
    assert manifests.is_webhook(CONFIGURATION)
    assert not manifests.is_webhook({"kind": "Service"})


def test_services_of_webhooks_are_known() -> None:
    """Those with a URL have none."""
    assert manifests.webhook_services([CONFIGURATION]) == {("n", "s")}


def test_packaged_files_are_read() -> None:
    """The stand-ins for Knative's kinds come with the package."""
    kinds = [obj["spec"]["names"]["kind"] for obj in manifests.packaged("aegis_local", "data/knative.yaml")]
    assert kinds == ["Service", "ApiServerSource", "PingSource"]
