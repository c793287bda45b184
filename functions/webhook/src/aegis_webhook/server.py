"""The function behind TLS, which is the only way an API server calls a webhook."""

import logging
import ssl
from pathlib import Path

from attrs import define, field
from functions_framework import create_app
from functions_framework._http import create_server

from aegis_webhook import entry

THREADS = 16

_log = logging.getLogger(__name__)


@define
class FollowedCertificate:
    """A TLS context that follows its files: a renewed certificate is in force with the next connection.

    A pair that does not load (half written, not matching) keeps the last good one. Raises OSError at first.
    """

    certificate: Path
    key: Path
    _context: ssl.SSLContext = field(init=False, repr=False)
    _state: object = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._state = self._look()
        self._context = self._load()

    def context(self) -> ssl.SSLContext:
        try:
            state = self._look()
            if state != self._state:
                self._context = self._load()
                self._state = state
        except OSError as error:  # ssl.SSLError is one
            _log.warning("%s and %s do not load, so the last certificate stays: %s", self.certificate, self.key, error)
        return self._context

    def _look(self) -> object:
        return [
            (found.st_ino, found.st_mtime_ns, found.st_size) for found in (self.certificate.stat(), self.key.stat())
        ]

    def _load(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        return context


def serve(certificate: Path, key: Path, host: str, port: int) -> None:
    """Serves until SIGTERM. Raises OSError for a certificate that does not load."""
    followed = FollowedCertificate(certificate, key)
    app = create_app("admission", entry.__file__, "http")  # type: ignore[no-untyped-call]  # ships no types
    server = create_server(  # type: ignore[no-untyped-call]  # ships no types
        app,
        debug=False,
        threads=THREADS,
        certfile=str(certificate),
        keyfile=str(key),
        ssl_context=lambda _settings, _default: followed.context(),
    )
    server.run(host, port)
