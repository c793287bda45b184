from collections.abc import Iterator

import pytest

from support.cognito_pool import PoolTenancy, cognito_pool


@pytest.fixture
def tenancy() -> Iterator[PoolTenancy]:
    with cognito_pool() as tenancy:
        yield tenancy
