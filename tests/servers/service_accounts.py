"""A real control plane as the conformance suite sees a cluster: an issuer of ServiceAccount tokens."""

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from aegis_api.names import Subject
from aegis_idp.conformance.cluster import Keys
from aegis_idp.conformance.signing import SigningKey
from aegis_idp.values import Secret
from servers.control_plane import ControlPlane
from support.api_cluster import ApiCluster

SHORTEST = 600  # what TokenRequest gives at least


class RealCluster(ApiCluster):
    """Only what its API server never issues is signed here, with its own key: tokens that have expired."""

    def __init__(self, plane: ControlPlane) -> None:
        super().__init__(plane)
        self.plane = plane

    @property
    def keys(self) -> Keys:
        return _Keys(self.plane)

    def token(self, subject: Subject, audience: str, seconds: int = 3600) -> Secret:
        if seconds >= SHORTEST:
            return super().token(subject, audience, seconds)
        self.enrol(subject)
        return Secret(self.keys.current.sign(self.claims(subject, audience, seconds)))


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
