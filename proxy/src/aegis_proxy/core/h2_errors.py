"""The two ways in which a peer can break the rules of HTTP/2. RFC 9113 section 5.4."""


class ConnectionFault(Exception):  # named by what happened
    """Nothing that follows can be trusted. `code` is the GOAWAY's; `detail` is for the log."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class StreamFault(Exception):  # named by what happened
    """One stream is over; the others go on."""

    def __init__(self, stream: int, code: int) -> None:
        super().__init__(f"stream {stream}, error {code}")
        self.stream = stream
        self.code = code
