"""What to do about an error of Google Cloud."""

from attrs import frozen

from aegis_idp.errors import ProviderError, Refused, Spreading

PERMISSION_DENIED = "PERMISSION_DENIED"
NOT_FOUND = "NOT_FOUND"


@frozen
class Asked:
    """Who asked, and what for, by name: no secret is in here."""

    subject: str
    account: str
    pool_provider: str


def exchange_refused(error: Refused, asked: Asked) -> Refused:
    """The Security Token Service says no: the pool's provider does not take the token."""
    return Refused(
        f"{error}; does {asked.pool_provider} have the cluster's issuer and keys, the mapping "
        f"google.subject=assertion.sub, its default audience, and no condition that keeps {asked.subject} out?",
        error.code,
    )


def token_refused(error: Refused, asked: Asked) -> ProviderError:
    """No ID token of the service account. A binding that was just made is unknown in places for minutes."""
    hint = (
        f"{asked.subject} needs roles/iam.workloadIdentityUser on {asked.account}, which its Identity's provisioning "
        "gives it"
    )
    if error.code in (PERMISSION_DENIED, NOT_FOUND):
        return Spreading(f"{error}; if this lasts longer than ten minutes after a change: {hint}")
    return Refused(f"{error}; {hint}", error.code)
