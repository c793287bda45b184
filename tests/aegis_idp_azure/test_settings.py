"""The settings of a provider of the type `azure`."""

from collections.abc import Mapping

import pytest

from aegis_api.names import Subject
from aegis_api.reading import Node, ParseError
from aegis_idp.kept import subject_of
from aegis_idp.settings import read_settings
from aegis_idp_azure.settings import AzureSettings, is_guid

TENANT = "5A6B7C8D-0000-4000-8000-00000000000A"
CLIENT = "11111111-2222-4333-8444-55555555555F"


def read(**config: object) -> AzureSettings:
    return read_settings(AzureSettings, Node({"tenantId": TENANT, **config}, "spec.config"))


def test_a_tenant_is_all_that_is_needed() -> None:
    """The rest is that of the public cloud; ids are compared in lower case, as tokens hold them."""
    settings, tenant = read(), TENANT.lower()
    assert settings.tenant == tenant
    assert settings.token_issuer == f"https://login.microsoftonline.com/{tenant}/v2.0"
    assert settings.token_endpoint == f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
    assert settings.key_set == f"https://login.microsoftonline.com/{tenant}/discovery/v2.0/keys"
    assert settings.graph == "https://graph.microsoft.com"
    assert settings.provision_as is None


def test_version_1_has_another_issuer() -> None:
    """And other clouds have others still."""
    assert read(version="1.0").token_issuer == f"https://sts.windows.net/{TENANT.lower()}/"
    china = f"https://sts.chinacloudapi.cn/{TENANT.lower()}/"
    assert read(version="1.0", issuer=china).token_issuer == china


def test_applications_can_be_named() -> None:
    """In both directions."""
    settings = read(clientIds={"shop/orders": CLIENT})
    assert settings.client_id_of(Subject("shop", "orders")) == CLIENT.lower()
    assert settings.client_id_of(Subject("bank", "orders")) is None
    assert settings.subject_by(CLIENT.lower()) == Subject("shop", "orders")
    assert settings.subject_by(TENANT.lower()) is None


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"tenantId": "contoso.com"}, r"^spec\.config\.tenantId: .*a tenant id, which is a GUID"),
        ({"provisionAs": "aegis"}, r"provisionAs: .*a client id, which is a GUID"),
        ({"clientIds": {"orders": CLIENT}}, r"clientIds: .*NAMESPACE/NAME"),
        ({"clientIds": {"shop/orders": "x"}}, r"clientIds: .*a client id \(a GUID\) for shop/orders"),
        ({"clientIds": {"shop/a": CLIENT, "shop/b": CLIENT.lower()}}, r"a client id of its own for each"),
        ({"destinations": {"orders": CLIENT}}, r"destinations: .*the name of a Service, like orders\.shop\.svc"),
        ({"destinations": {"a.shop.svc": "x"}}, r"destinations: .*a client id \(a GUID\) for a\.shop\.svc"),
        ({"destinations": {"a.shop.svc": CLIENT, "b.shop.svc": CLIENT.lower()}}, r"of its own for each Service"),
        ({"authority": "http://login.example"}, r"authority: .*https://HOST"),
        ({"authority": "https://login.example/"}, r"authority: .*without a slash"),
        ({"version": "3.0"}, r"version: "),
    ],
)
def test_refusals(config: Mapping[str, object], said: str) -> None:
    """With the path, what came and what was wanted."""
    with pytest.raises(ParseError, match=said):
        read(**config)


def test_names_and_ids() -> None:
    """A ServiceAccount is written with its namespace."""
    assert subject_of("shop/orders") == Subject("shop", "orders")
    with pytest.raises(ValueError, match=r"'shop' *"):
        subject_of("shop")
    assert is_guid(CLIENT)
    assert not is_guid(CLIENT + "0")
