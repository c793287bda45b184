"""Tokens of this function's own ServiceAccount, asked of the API server."""

from datetime import UTC, datetime

from attrs import frozen

from aegis_api.names import is_label, is_subdomain
from aegis_api.reading import shown
from aegis_idp.values import Secret
from aegis_reconcile.cluster import Rejected, TryAgain
from aegis_reconcile.host import Minted
from aegis_reconcile.kube import KubeCluster
from aegis_reconcile.objects import text

_AUTHENTICATION = "authentication.k8s.io/v1"
# The shortest life that a TokenRequest may ask for, in seconds.
_LIFE = 600


@frozen
class OwnAccount:
    """`host.Account`. It takes one right, on the function's own ServiceAccount: see knative/20-rights.yaml."""

    cluster: KubeCluster

    def mint(self, audience: str) -> Minted:
        space, name = self._name()
        spec = {"audiences": [audience], "expirationSeconds": _LIFE}
        body = {"apiVersion": _AUTHENTICATION, "kind": "TokenRequest", "spec": spec}
        answer = self.cluster.ask(f"/api/v1/namespaces/{space}/serviceaccounts/{name}/token", body)
        token, expires = text(answer, "status", "token"), text(answer, "status", "expirationTimestamp")
        try:
            seconds = (datetime.fromisoformat(expires) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            raise TryAgain(f"the API server answered a TokenRequest with the expiry {shown(expires)}") from None
        return Minted(Secret(token), seconds)

    def is_taken(self, token: Secret) -> bool:
        return self.cluster.ask(_WHO_AM_I, _REVIEW, token) is not None

    def _name(self) -> tuple[str, str]:
        """Namespace and name of the ServiceAccount as which the API server knows this function."""
        user = text(self.cluster.ask(_WHO_AM_I, _REVIEW), "status", "userInfo", "username")
        space, _, name = user.removeprefix("system:serviceaccount:").partition(":")
        if not is_label(space) or not is_subdomain(name):
            raise Rejected(f"the API server knows this function as {shown(user)}, which is no ServiceAccount")
        return space, name


_WHO_AM_I = f"/apis/{_AUTHENTICATION}/selfsubjectreviews"
_REVIEW = {"apiVersion": _AUTHENTICATION, "kind": "SelfSubjectReview"}
