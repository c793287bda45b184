"""What a proxy enforces, as plain JSON values for people. No secrets: keys show by their kid."""

from collections.abc import Mapping

from aegis_api.identity import Identity
from aegis_api.policy import IngressPolicy
from aegis_proxy.core.knowledge import Held, Key, Present, View
from aegis_proxy.core.snapshot import Authority, Snapshot


def described(snapshot: Snapshot, view: View | None) -> dict[str, object]:
    """`view` is what the snapshot was made of; None before anything was looked up."""
    return {
        "generation": snapshot.generation,
        "closed": snapshot.closed or None,
        "untrusted": snapshot.untrusted or None,
        "policies": [_policy(key, held) for key, held in view.policies] if view else [],
        "rules": snapshot.rules.size,
        "authorities": [_authority(authority) for authority in snapshot.authorities.values()],
        "identity": _identity(snapshot, snapshot.identity) if snapshot.identity else None,
        "no_token": snapshot.no_token or None,
    }


def _policy(key: Key, held: Held[IngressPolicy]) -> Mapping[str, object]:
    if not isinstance(held, Present):
        return {"name": key.name, "in_force": False, "problem": held.reason}
    policy = held.resource
    return {
        "name": key.name,
        "in_force": True,
        "generation": policy.metadata.generation,
        "resource_version": policy.metadata.resource_version,
        "enforcement": policy.enforcement.value,
        "rules": len(policy.rules),
    }


def _authority(authority: Authority) -> Mapping[str, object]:
    keys, audiences = authority.keys, authority.audiences
    return {
        "provider": authority.provider,
        "issuer": authority.issuer,
        "audiences": sorted(audiences.fixed) or [f"*.{audiences.namespace}.svc"],
        "algorithms": sorted(authority.algorithms),
        "kids": sorted(keys.by_kid),
        "keys_without_kid": len(keys.without_kid),
        "keys_dropped": [f"{key.kid} {key.reason.value}".strip() for key in keys.dropped],
    }


def _identity(snapshot: Snapshot, identity: Identity) -> Mapping[str, object]:
    return {
        "name": identity.metadata.name,
        "subject": str(identity.subject),
        "provider": identity.provider,
        "hosts": [pattern.text for pattern in identity.hosts],
        "audience": snapshot.audience,
        "audience_per_destination": snapshot.audience_per_destination,
    }
