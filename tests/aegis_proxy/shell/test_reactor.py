import re
import subprocess
import sys

import pytest

IN_ITS_OWN_PROCESS = """
from aegis_proxy.shell.reactor import install
from twisted.internet.protocol import Factory, Protocol, ClientFactory
import sys, socket
reactor = install()
print(type(reactor).__name__)

class Echo(Protocol):
    def dataReceived(self, data):
        if data == b"oh":
            raise ZeroDivisionError
        self.transport.write(data)

    def connectionLost(self, reason):
        print("lost", reason.type.__name__)
        reactor.callLater(0, next_one)

factory = Factory.forProtocol(Echo)
port = reactor.listenTCP(0, factory, interface="127.0.0.1").getHost().port
words = iter([b"hello", b"oh"])
clients = []

def next_one():
    word = next(words, None)
    if word is None:
        reactor.stop()
        return
    client = socket.create_connection(("127.0.0.1", port))
    clients.append(client)
    client.sendall(word)
    reactor.callInThread(read, client)

def read(client):
    with client:
        print("got", client.recv(99) if client is clients[0] else "")
        if client is clients[1]:
            try:
                client.recv(1)
            except ConnectionResetError:
                pass

reactor.callWhenRunning(next_one)
reactor.run()
print("end")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="epoll is Linux's")
def test_it_reads_serves_and_survives_an_error_of_a_protocol() -> None:
    """A protocol that raises loses its connection, and no other."""
    done = subprocess.run(
        [sys.executable, "-c", IN_ITS_OWN_PROCESS], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.startswith("DirectEPollReactor\n")
    assert "got b'hello'" in done.stdout
    # The reading threads print as well, in the midst of a line at times.
    assert re.findall(r"lost (\w+)", done.stdout) == ["ConnectionDone", "ConnectionLost"]
    assert done.stdout.endswith("end\n")
