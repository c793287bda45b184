"""TLS for servers on loopback."""

import ssl
from pathlib import Path

from aegis_idp_fakes.certificates import server_context


def test_a_client_that_trusts_the_file_trusts_the_server(tmp_path: Path) -> None:
    """And the key is beside it, for this server alone."""
    context, ca_file = server_context(tmp_path)
    assert isinstance(context, ssl.SSLContext)
    (found,) = ssl.create_default_context(cafile=ca_file).get_ca_certs()
    assert found["subject"] == found["issuer"]
