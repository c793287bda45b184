"""No token, key or password in what a plugin says."""

# These are tests: asserts are what they consist of.

from collections.abc import Iterable, Iterator

from aegis_idp.values import Secret

_WINDOW = 12


def assert_keeps(secrets: Iterable[Secret], error: BaseException) -> None:
    """Neither text nor repr of `error`, nor of any error behind it, holds 12 characters in a row of a secret."""
    said = "\n".join(f"{link}\n{link!r}\n{link.args!r}" for link in _chain(error))
    for secret in secrets:
        value = secret.reveal()
        window = min(_WINDOW, len(value))
        parts = {value[start : start + window] for start in range(len(value) - window + 1)} if window else set()
        assert not any(part in said for part in parts), f"{type(error).__name__} shows a secret in its text or cause"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
