from collections.abc import Iterator

import pytest

from support.aws_account import Tenancy, aws_account


@pytest.fixture
def tenancy() -> Iterator[Tenancy]:
    with aws_account() as tenancy:
        yield tenancy
