"""What the proxy makes of Vault's tokens and keys: its own code, Vault in memory."""

from support.ingress_suite import IngressSuite


class TestIngress(IngressSuite):
    """With the fixture `provider` of this folder."""
