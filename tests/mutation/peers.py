"""nginx and HAProxy of the distribution as plain reverse proxies: the second and third opinion about a request."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from attrs import frozen

INSTALL = "apt-get install nginx-light haproxy"


class Missing(Exception):
    """A peer is not installed; the text says how to install it."""


@frozen
class Launch:
    """The command that runs a peer in the foreground, with its configuration written."""

    command: Sequence[str | Path]
    port: int


class Peer(Protocol):
    @property
    def name(self) -> str: ...

    def prepare(self, folder: Path, port: int, origin: int) -> Launch:
        """Writes the configuration into `folder`: from `port` to the app at `origin`. Raises Missing."""


def _program(name: str) -> Path:
    # Debian keeps both where only root's PATH looks.
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise Missing(f"{name} is not installed: {INSTALL}")
    return Path(found)


@frozen
class Nginx:
    """Sends targets on as they came. A client that half-closes is still answered, as our proxy does it."""

    name: str = "nginx"

    def prepare(self, folder: Path, port: int, origin: int) -> Launch:
        program = _program(self.name)
        temporary = "".join(
            f"    {kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        config = folder / "nginx.conf"
        config.write_text(f"""daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_header_timeout 2s;
    client_body_timeout 2s;
    keepalive_timeout 2s;
    lingering_close off;
{temporary}    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{origin};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_ignore_client_abort on;
            proxy_read_timeout 2s;
        }}
    }}
}}
""")
        return Launch((program, "-e", "stderr", "-p", folder, "-c", config), port)


@frozen
class HAProxy:
    """As it comes: HTTP mode, and no option that makes it laxer or stricter."""

    name: str = "haproxy"

    def prepare(self, folder: Path, port: int, origin: int) -> Launch:
        program = _program(self.name)
        config = folder / "haproxy.cfg"
        config.write_text(f"""global
    maxconn 512
defaults
    mode http
    timeout client 2s
    timeout server 2s
    timeout connect 2s
    timeout http-request 2s
    timeout http-keep-alive 2s
    option http-server-close
frontend in
    bind 127.0.0.1:{port}
    default_backend app
backend app
    server app 127.0.0.1:{origin}
""")
        return Launch((program, "-db", "-f", config), port)


PEERS: Sequence[Peer] = (Nginx(), HAProxy())
