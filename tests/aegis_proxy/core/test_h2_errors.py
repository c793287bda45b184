from aegis_proxy.core.h2_errors import ConnectionFault, StreamFault


def test_faults_say_what_their_frames_need() -> None:
    """A fault carries its code, and the stream that it is of."""
    connection = ConnectionFault(1, "why")
    assert (connection.code, connection.detail, str(connection)) == (1, "why", "why")
    stream = StreamFault(3, 5)
    assert (stream.stream, stream.code, str(stream)) == (3, 5, "stream 3, error 5")
