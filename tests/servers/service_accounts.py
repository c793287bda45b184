"""A real control plane as the conformance suite sees a cluster: an issuer of ServiceAccount tokens."""

import time

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from aegis_api.names import Subject
from aegis_idp.blocking import ApiServer, BlockingHttp
from aegis_idp.conformance.signing import SigningKey
from aegis_idp.values import Secret
from servers.control_plane import ControlPlane
from support.kube_client import path_of

SHORTEST = 600  # what TokenRequest gives at least


class RealCluster:
    """Tokens come from the API server's TokenRequest.

    Only what it never issues is signed here, with its own key: tokens that have expired.
    """

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self.issuer = plane.issuer
        self.keys = _Keys(plane)
        self._known: set[Subject] = set()

    def enrol(self, subject: Subject) -> None:
        """Makes the ServiceAccount, and its namespace."""
        if subject in self._known:
            return
        client = self.plane.client
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": subject.namespace}}
        client.apply(path_of("v1", "namespaces", subject.namespace), namespace).ok()
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": subject.name}}
        client.apply(path_of("v1", "serviceaccounts", subject.name, subject.namespace), account).ok()
        self._known.add(subject)

    def claims(self, subject: Subject, audience: str, seconds: int = 3600) -> dict[str, object]:
        """The claims of a token that the API server issues, which ends `seconds` from now on."""
        token = self.plane.token(subject.namespace, subject.name, [audience])
        issued: dict[str, object] = jwt.decode(token, options={"verify_signature": False})
        return {**issued, "exp": int(time.time()) + seconds}

    def token(self, subject: Subject, audience: str, seconds: int = 3600) -> Secret:
        self.enrol(subject)
        if seconds >= SHORTEST:
            return Secret(self.plane.token(subject.namespace, subject.name, [audience], seconds))
        return Secret(self.keys.current.sign(self.claims(subject, audience, seconds)))

    def http(self) -> BlockingHttp:
        """The client of a pod in this cluster."""
        pod = Subject("default", "pod")
        self.enrol(pod)
        token = lambda: Secret(self.plane.token(pod.namespace, pod.name))  # noqa: E731  # a value
        return BlockingHttp(ApiServer(self.plane.url, token, str(self.plane.ca_file)), seconds=60)


class _Keys:
    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    @property
    def current(self) -> SigningKey:
        """The API server's own signing key, under the id that it gives it."""
        kid = jwt.get_unverified_header(self._plane.token("default", "default"))["kid"]
        return SigningKey("RS256", kid, load_pem_private_key(self._plane.signing_key.read_bytes(), None))

    def rotate(self, *, overlap: bool = True) -> None:
        self._plane.rotate_signing_key(overlap=overlap)
