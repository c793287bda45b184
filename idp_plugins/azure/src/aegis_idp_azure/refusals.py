"""What to do about an error of the token endpoint.

https://learn.microsoft.com/entra/identity-platform/reference-error-codes. The number stands in the description alone.
"""

import re
from collections.abc import Mapping

from attrs import frozen

from aegis_idp.errors import ProviderError, Refused, Spreading

_NUMBER = re.compile(r"AADSTS([0-9]+)")
# What differs each time: ids and the time of the request, at the end of each description.
_TRACE = re.compile(r"\s*Trace ID:[^)]*")

# A credential or application that was just made is unknown in places for minutes, and now and then even later.
_SPREADING = frozenset({"70021", "700016", "700211", "700212", "700213", "7000229"})
_HINTS: Mapping[str, str] = {
    "70021": "the application {client} needs a federated identity credential for {subject}",
    "700016": "is {client} the client id of an application of this tenant?",
    "700211": "the application {client} needs a federated identity credential with this cluster's issuer",
    "700212": "the federated identity credential of {client} must have the audience api://AzureADTokenExchange",
    "700213": "the federated identity credential of {client} must have the subject {subject}",
    "700024": "compare the clocks of this node and of Entra ID",
    "50013": "Entra ID fetches the cluster's keys from its issuer, which must be reachable from the internet: does the "
    "issuer's document name the keys that the cluster signs with?",
    "50166": "Entra ID cannot reach the cluster's issuer, which must be public",
    "5002738": "let the cluster sign ServiceAccount tokens with RS256: Entra ID takes nothing else",
    "500011": "is {audience} the client id (or, for version 1.0, an identifier URI) of an application of this tenant?",
    "501051": "assign the application {client} to the application {audience}, or take away its requirement",
    "7000229": "make a service principal of the application {client}",
    "90002": "is config.tenantId the right tenant, and config.authority its cloud?",
    "90009": "set spec.audience to the client id (a GUID) of that application",
}
_OTHERWISE = "look at the sign-in logs of the application {client} in Entra ID"


@frozen
class Asked:
    """What Entra ID was asked for, by name: no secret is in here."""

    client: str
    subject: str
    audience: str


def with_way_out(error: Refused, asked: Asked) -> ProviderError:
    """The same refusal, and what to do about it; Spreading for one that passes by itself after a change."""
    text = _TRACE.sub("", str(error))
    found = _NUMBER.search(text)
    number = found[1] if found else ""
    hint = _HINTS.get(number, _OTHERWISE).format(client=asked.client, subject=asked.subject, audience=asked.audience)
    if number in _SPREADING:
        return Spreading(f"{text}; if this lasts longer than ten minutes after a change: {hint}")
    return Refused(f"{text}; {hint}", error.code)
