"""The settings of a provider of the type `gcp`."""

from collections.abc import Mapping

from attrs import frozen

from aegis_api.names import Subject
from aegis_idp.kept import keeper_of, kept_for, subject_of
from aegis_idp.settings import setting
from aegis_idp.urls import check_bare_url, check_base_url

_PROJECT = r"[a-z][a-z0-9-]{4,28}[a-z0-9]"
_POOL = r"projects/[0-9]{1,20}/locations/global/workloadIdentityPools/[a-z0-9-]{4,32}"


def _check_service_accounts(accounts: Mapping[str, str]) -> None:
    for name, email in accounts.items():
        subject_of(name)
        if not email.endswith(".iam.gserviceaccount.com") or email.count("@") != 1:
            raise ValueError(f"the email address of a service account for {name}")
    if len(set(accounts.values())) < len(accounts):
        raise ValueError("a service account of its own for each ServiceAccount")


@frozen
class GcpSettings:
    """The pool's provider must map `google.subject` to `assertion.sub`, and take its own default audience."""

    project: str = setting(
        "The id of the project that holds the service accounts, and nothing else.",
        pattern=_PROJECT,
        wanted="a project id, like aegis-mesh",
    )
    pool_provider: str = setting(
        "The provider of the workload identity pool that trusts this cluster: "
        "projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER.",
        pattern=rf"{_POOL}/providers/[a-z0-9-]{{4,32}}",
        wanted="projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER",
    )
    provision: bool = setting(
        "Whether the reconcile function makes a service account for each Identity.", default=False
    )
    service_accounts: Mapping[str, str] = setting(
        "Service accounts that somebody else keeps: NAMESPACE/NAME of a ServiceAccount, and the email address.",
        default={},
        check=_check_service_accounts,
    )
    issuer: str = setting(
        "What the iss of an ID token is.", default="https://accounts.google.com", check=check_base_url
    )
    key_set: str = setting(
        "Where the keys of that issuer are.",
        default="https://www.googleapis.com/oauth2/v3/certs",
        check=check_base_url,
    )
    sts: str = setting(
        "The address of the Security Token Service.", default="https://sts.googleapis.com", check=check_bare_url
    )
    iam_credentials: str = setting(
        "The address of the IAM Service Account Credentials API.",
        default="https://iamcredentials.googleapis.com",
        check=check_bare_url,
    )
    iam: str = setting("The address of the IAM API.", default="https://iam.googleapis.com", check=check_bare_url)
    expiration_seconds: int = setting(
        "How long the ServiceAccount token lives that Google Cloud is shown.", default=3600, low=600, high=86400
    )

    @property
    def pool(self) -> str:
        """The pool, by its whole name."""
        return self.pool_provider.rpartition("/providers/")[0]

    @property
    def shown_audience(self) -> str:
        """The audience of a ServiceAccount token that the pool's provider takes by default."""
        return f"https://iam.googleapis.com/{self.pool_provider}"

    @property
    def exchange_audience(self) -> str:
        """How the Security Token Service calls the provider."""
        return f"//iam.googleapis.com/{self.pool_provider}"

    @property
    def email_suffix(self) -> str:
        return f"@{self.project}.iam.gserviceaccount.com"

    def member(self, subject: str) -> str:
        """How IAM policies call a subject of the pool."""
        return f"principal://iam.googleapis.com/{self.pool}/subject/{subject}"

    def email_of(self, subject: Subject) -> str | None:
        """The service account that these settings name for a ServiceAccount."""
        return kept_for(self.service_accounts, subject)

    def subject_by(self, email: str) -> Subject | None:
        """Whose service account it is by these settings."""
        return keeper_of(self.service_accounts, email)
