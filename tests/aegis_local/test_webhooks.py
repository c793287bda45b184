"""The certificate of the webhooks."""

import base64

from cryptography import x509

from aegis_local.webhooks import complete

HOOK = {
    "kind": "ValidatingWebhookConfiguration",
    "webhooks": [{"name": "x", "clientConfig": {"service": {"namespace": "n", "name": "s"}}}],
}
SECRET = {"kind": "Secret", "type": "kubernetes.io/tls", "metadata": {"name": "t", "namespace": "n"}, "data": {}}


def test_the_secret_of_a_webhook_gets_a_certificate_that_its_callers_trust() -> None:
    """Issued for the Service's name by the authority that the configuration names."""
    (secret,), (hook,) = complete([SECRET], [HOOK])
    authority = x509.load_pem_x509_certificate(base64.b64decode(hook["webhooks"][0]["clientConfig"]["caBundle"]))
    served = x509.load_pem_x509_certificate(base64.b64decode(secret["data"]["tls.crt"]))
    served.verify_directly_issued_by(authority)
    names = served.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["s.n.svc"]
    assert b"PRIVATE KEY" in base64.b64decode(secret["data"]["tls.key"])


def test_other_objects_stay_as_they_are() -> None:
    """Secrets of other types and of other namespaces, and all else."""
    others = [
        {**SECRET, "type": "Opaque"},
        {**SECRET, "metadata": {"name": "t", "namespace": "m"}},
        {"kind": "Namespace", "metadata": {"name": "n"}},
    ]
    assert complete(others, [HOOK])[0] == others
