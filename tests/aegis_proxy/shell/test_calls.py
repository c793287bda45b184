from aegis_proxy.shell.calls import UpstreamReset
from support.h2_in_memory import POST, Client
from support.in_memory_http import http_in_memory

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_a_connection_of_http1_serves_again_when_all_is_whole() -> None:
    """Request and response; after half a request it is dropped."""
    with http_in_memory() as http:
        http.http1_upstreams()
        client = Client(http)
        for ended in (True, False, True):
            client.ask(POST, b"body", ended=ended)
            http.pool.opened[-1].dataReceived(OK)
            client.talk()
        assert len(http.pool.opened) == 2


def test_empty_pieces_of_a_body_are_no_last_chunk() -> None:
    """An empty chunk would end the request."""
    with http_in_memory() as http:
        http.http1_upstreams()
        client = Client(http)
        client.ask(POST, ended=False)
        http.pool.app().take()
        client.h2.send_data(client.last, b"", pad_length=3)
        client.talk()
        assert http.pool.app().take() == b""
        client.h2.send_data(client.last, b"ab", end_stream=True)
        client.talk()
        assert http.pool.app().take() == b"2\r\nab\r\n0\r\n\r\n"


def test_a_reset_says_its_code() -> None:
    """In words for the log, and as a number to pass on."""
    reset = UpstreamReset(8)
    assert (reset.code, reset.detail) == (8, "upstream reset the stream, error 8")
