"""The OIDC role of an identity and audience: `aegis.MOUNT.ENTITY.NAMESPACE.NAME_HASH`, with a hash of the audience.

Vault chooses the entity's id, so no two roles meet: not those of two namespaces, nor of two clusters, nor one that
somebody else made. A pod hears its entity's id at login, and its policy gives it the roles below that id alone. The
mount, of which a cluster has its own, lets a policy keep one cluster's reconcile function off another cluster's roles.
"""

import hashlib

from aegis_api.names import Subject

_LONGEST_LABEL = 100  # so that a name also fits storage that keeps it as a file name


def role_prefix(mount: str, entity: str) -> str:
    """What the names of an entity's roles start with. Vault writes role names in lower case."""
    return f"aegis.{mount.replace('/', '.')}.{entity}.".lower()


def role_name(mount: str, entity: str, subject: Subject, suffix: str) -> str:
    """The role for the audience of this suffix (see `role_suffix`)."""
    return f"{role_prefix(mount, entity)}{_label(subject)}{suffix}"


def role_suffix(audience: str) -> str:
    """No Kubernetes name holds an underscore, so the suffix is no part of one."""
    return f"_{_digest(audience)}"


def _label(subject: Subject) -> str:
    label = f"{subject.namespace}.{subject.name}"
    if len(label) <= _LONGEST_LABEL:
        return label
    digest = _digest(label)
    return f"{label[: _LONGEST_LABEL - len(digest) - 1].rstrip('.-')}.{digest}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
