from collections.abc import Iterator

import pytest
from twisted.internet.task import Clock

from support.proxy_log import ReadableLog


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def readable_log(clock: Clock) -> Iterator[ReadableLog]:
    log = ReadableLog(clock=clock)
    yield log
    log.close()
