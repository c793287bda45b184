"""The app behind the long bodies, as a process: `python long_origin.py PORT`.

GET .../N answers with N bytes, .../seen with what the app was told of the caller, any other path with nothing.
POST reads the body, and answers with nothing.
"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_BLOCK = 2**20


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        asked = self.path.rpartition("/")[2]
        if asked == "seen":
            told = f"{self.headers.get('X-Aegis-Identity', '')} {self.headers.get('Authorization', '')}".encode()
            self._answer(len(told))
            self.wfile.write(told)
            return
        left = int(asked) if asked.isdecimal() else 0
        self._answer(left)
        block = memoryview(bytes(_BLOCK))
        while left:
            size = min(left, _BLOCK)
            self.wfile.write(block[:size])
            left -= size

    def do_POST(self) -> None:
        left, buffer = int(self.headers["Content-Length"]), memoryview(bytearray(_BLOCK))
        while left:
            count = self.rfile.readinto(buffer[: min(left, _BLOCK)])
            if not count:
                return
            left -= count
        self._answer(0)

    def _answer(self, length: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: it would cost what is measured."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
