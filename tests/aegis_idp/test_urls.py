"""Which URLs are safe to call."""

import pytest

from aegis_idp.urls import check_bare_url, check_base_url, check_endpoint, is_endpoint_of, origin, within_cluster

GOOD = [
    "https://issuer.example",
    "https://issuer.example/",
    "https://issuer.example:8443/realms/shop",
    "https://192.0.2.7/x",
    "https://[2001:db8::1]:8443",
    "http://localhost:8080",
    "http://127.0.0.1:8080/realms/a%20b",
    "http://127.8.9.10",
    "http://[::1]:80",
    "http://keycloak.auth.svc:8080",
    "http://keycloak.auth.svc.cluster.local",
]
BAD = [
    "",
    "issuer.example",
    "ftp://issuer.example",
    "file:///etc/passwd",
    "http://issuer.example",
    "http://keycloak",
    "http://keycloak.auth",
    "http://svc",
    "http://x.svc.evil.example",
    "http://10.0.0.1",
    "http://2130706433",
    "https://2130706433",
    "https://127.1",
    "https://0x7f.1",
    "https://a.0x7f000001",
    "https://user@issuer.example",
    "https://user:pw@issuer.example",
    "https://issuer.example#x",
    "https://issuer.example\\@evil.example",
    "https://issuer.example/a b",
    "https://issuer.example/\r\nx",
    "https://issuer.example:99999",
    "https://issuer.example:x",
    "https://",
    "https:///x",
    "https://[::1",
    "https://[1.2]",
    "https://issuer.example/%zz",
    "https://issüer.example",
    "http://127.0.0.1.evil.example",
    "http://localhost.evil.example",
]


@pytest.mark.parametrize("url", GOOD)
def test_good_urls(url: str) -> None:
    """TLS anywhere; plain HTTP where it does not leave the host or the cluster."""
    check_base_url(url)
    check_endpoint(url)


@pytest.mark.parametrize("url", BAD)
def test_bad_urls(url: str) -> None:
    """Everything else is refused, and the error says what is wanted."""
    for check in (check_base_url, check_endpoint):
        with pytest.raises(ValueError, match=r"https://HOST\[:PORT\]"):
            check(url)


def test_a_bare_url_ends_in_no_slash() -> None:
    """Paths are put behind it."""
    check_bare_url("https://iam.example/v1")
    with pytest.raises(ValueError, match="without a slash at its end"):
        check_bare_url("https://iam.example/")
    with pytest.raises(ValueError, match=r"https://HOST\[:PORT\]"):
        check_bare_url("iam.example")


def test_only_an_endpoint_has_a_query() -> None:
    """An issuer has none (OpenID Connect Discovery 1.0 section 3), a token endpoint may (RFC 6749 section 3.2)."""
    check_endpoint("https://issuer.example/token?p=policy")
    with pytest.raises(ValueError, match="without user, query and fragment"):
        check_base_url("https://issuer.example/token?p=policy")


@pytest.mark.parametrize(
    ("issuer", "url"),
    [
        ("https://issuer.example", "https://issuer.example/keys"),
        ("https://issuer.example", "https://keys.example/keys?v=1"),
        ("https://issuer.example", "https://192.0.2.7/keys"),
        ("https://issuer.example", "https://ISSUER.example:443/keys"),
        ("http://127.0.0.1:8080/a", "http://127.0.0.1:8080/keys"),
        ("http://idp.auth.svc", "http://idp.auth.svc:80/keys"),
        ("https://127.0.0.1:8443", "https://127.0.0.1:8443/keys"),
        ("http://127.0.0.1:8080", "https://keys.example"),
    ],
)
def test_a_document_may_name_what_is_beside_it_or_outside(issuer: str, url: str) -> None:
    """The same origin, or TLS to a host that is not local."""
    assert is_endpoint_of(issuer, url)


@pytest.mark.parametrize(
    ("issuer", "url"),
    [
        ("https://issuer.example", "http://issuer.example/keys"),
        ("https://issuer.example", "file:///etc/passwd"),
        ("https://issuer.example", "http://127.0.0.1:3129/snapshot"),
        ("https://issuer.example", "https://127.0.0.1:3129/snapshot"),
        ("https://issuer.example", "https://localhost/keys"),
        ("https://issuer.example", "https://a.localhost/keys"),
        ("https://issuer.example", "https://169.254.169.254/latest"),
        ("https://issuer.example", "https://[fe80::1]/keys"),
        ("https://issuer.example", "https://0.0.0.0/keys"),
        ("https://issuer.example", "https://127.1/keys"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8081/keys"),
        ("http://idp.auth.svc", "http://other.auth.svc/keys"),
        ("https://issuer.example", "http://idp.auth.svc/keys"),
    ],
)
def test_a_document_may_not_turn_us_against_our_own_host(issuer: str, url: str) -> None:
    """Loopback, link-local and plain HTTP elsewhere are refused."""
    assert not is_endpoint_of(issuer, url)


def test_an_origin_is_scheme_host_and_port() -> None:
    """RFC 6454 section 4, with the port that the scheme implies."""
    assert origin("https://Issuer.Example/x") == ("https", "issuer.example", 443)
    assert origin("http://[::1]:81") == ("http", "::1", 81)
    assert origin("http://localhost") == ("http", "localhost", 80)


@pytest.mark.parametrize(
    ("url", "completed"),
    [
        ("http://vault.vault:8200", "http://vault.vault.svc:8200"),
        ("http://vault.dev", "http://vault.dev.svc"),
        ("http://idp.auth/realms/shop", "http://idp.auth.svc/realms/shop"),
    ],
)
def test_two_labels_by_plain_http_are_a_service(url: str, completed: str) -> None:
    """They may look like a public name, and are never looked up as one."""
    assert within_cluster(url) == completed
    check_base_url(completed)


@pytest.mark.parametrize(
    "url",
    [
        "https://vault.dev",
        "http://vault",
        "http://vault.svc",
        "http://vault.vault.svc",
        "http://127.1",
        "http://10.7",
        "http://localhost:8200",
        "http://[::1]:8200",
        "http://vault.vault.",
        "http://vault.vault@elsewhere.example",
        "http://vault.vault\\x",
        "HTTP://vault.vault",
    ],
)
def test_every_other_url_stays_as_it_is(url: str) -> None:
    """TLS says whom it meets; and what is malformed is for the check to refuse."""
    assert within_cluster(url) == url
