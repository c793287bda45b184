"""Which URLs a plugin may be set to, or led to by a provider's own document.

Plain HTTP is good for loopback and for names of the cluster (`*.svc`, `*.svc.cluster.local`) alone. A short name like
`keycloak` or `keycloak.auth` is none of these: the search list of a node may complete it to a name outside. Who takes
such a name completes it first (`within_cluster`).
"""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

_HOST = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\.?|\[[0-9A-Fa-f:.]+\]"
_PATH = r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)*"
_QUERY = r"(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?"
_BASE = re.compile(rf"https?://(?:{_HOST})(?::[0-9]{{1,5}})?{_PATH}")
_ENDPOINT = re.compile(_BASE.pattern + _QUERY)
_SHORT = re.compile(r"(?P<before>http://[A-Za-z0-9-]+\.(?!svc\b)[A-Za-z][A-Za-z0-9-]*)(?P<after>(?::[0-9]*)?(?:/.*)?)")
_NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?")


def check_base_url(text: str) -> None:
    """Raises ValueError unless `text` is the URL of a provider: without user, query and fragment."""
    if not _BASE.fullmatch(text) or not _is_guarded(text):
        raise ValueError(
            "https://HOST[:PORT][/PATH], or http:// for localhost, 127.0.0.0/8, [::1] and names that end in .svc or "
            ".svc.cluster.local, without user, query and fragment"
        )


def check_bare_url(text: str) -> None:
    """The same for a URL that paths are put behind."""
    check_base_url(text)
    if text.endswith("/"):
        raise ValueError("a URL without a slash at its end")


def check_endpoint(text: str) -> None:
    """Raises ValueError unless `text` is a URL like that of a provider, or such a one with a query."""
    if not _ENDPOINT.fullmatch(text) or not _is_guarded(text):
        raise ValueError(
            "https://HOST[:PORT][/PATH][?QUERY], or http:// for localhost, 127.0.0.0/8, [::1] and names that end in "
            ".svc or .svc.cluster.local, without user and fragment"
        )


def within_cluster(text: str) -> str:
    """`http://SERVICE.NAMESPACE` as `http://SERVICE.NAMESPACE.svc`; every other URL as it is.

    A name of two labels could be a public one, like vault.dev. So it is never looked up as it stands: plain HTTP is for
    the cluster, and there it means a Service.
    """
    short = _SHORT.fullmatch(text)
    return f"{short['before']}.svc{short['after']}" if short else text


def is_endpoint_of(issuer: str, url: str) -> bool:
    """Whether the document of `issuer` may name `url` as an endpoint: same origin, or TLS to a host that is not local.

    So a document from outside cannot turn the proxy against its own host (loopback, link-local addresses).
    """
    if not _ENDPOINT.fullmatch(url) or not _is_guarded(url):
        return False
    return origin(url) == origin(issuer) or (url.startswith("https://") and not _is_local(_host(url)))


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host in lower case, and port (RFC 6454 section 4) of a URL that was checked."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _host(url: str) -> str:
    return origin(url)[1].removesuffix(".")


def _is_guarded(url: str) -> bool:
    """TLS, or a way that does not leave the host or the cluster; and neither a port nor an address is malformed."""
    try:
        scheme, host, _ = origin(url)
    except ValueError:
        return False
    if _NUMERIC.fullmatch(host) and not _is_address(host):
        return False
    return scheme == "https" or _is_loopback(host) or host.endswith((".svc", ".svc.cluster.local"))


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def _is_local(host: str) -> bool:
    if not _is_address(host):
        return _is_loopback(host) or host.endswith(".localhost")
    address = ip_address(host)
    return address.is_loopback or address.is_link_local or address.is_unspecified
