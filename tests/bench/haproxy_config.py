"""HAProxy's configuration, as peer and as the cheap origin behind every contender."""

from bench.mesh import METHODS, Mesh

_HEAD = """\
global
  nbthread 1
  maxconn 4000
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 5s
"""


def proxy(mesh: Mesh, key: str, port: int, origin: int) -> str:
    """Token and policy checked with what HAProxy 2.6 has: cheap checks first, then the signature, then rule by rule.

    `key` is the path of the public key in PEM.
    """
    caller = f"{{ method {' '.join(METHODS)} }} {{ var(txn.sub) -m str {mesh.subject} }}"
    allowed = "".join(f"  http-request allow if {{ path_beg {prefix}/ }} {caller}\n" for prefix in mesh.prefixes)
    return f"""{_HEAD}\
frontend mesh
  bind 127.0.0.1:{port}
  http-request set-var(txn.token) http_auth_bearer
  http-request set-var(txn.alg) var(txn.token),jwt_header_query('$.alg')
  http-request set-var(txn.iss) var(txn.token),jwt_payload_query('$.iss')
  http-request set-var(txn.aud) var(txn.token),jwt_payload_query('$.aud')
  http-request set-var(txn.exp) var(txn.token),jwt_payload_query('$.exp','int')
  http-request set-var(txn.sub) var(txn.token),jwt_payload_query('$.sub')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 unless {{ var(txn.alg) -m str {mesh.algorithm} }}
  http-request deny deny_status 401 unless {{ var(txn.iss) -m str {mesh.issuer} }}
  http-request deny deny_status 401 unless {{ var(txn.aud) -m str {mesh.audience} }}
  http-request deny deny_status 401 unless {{ var(txn.exp),sub(txn.now) -m int gt 0 }}
  http-request deny deny_status 401 unless {{ var(txn.token),jwt_verify(txn.alg,"{key}") 1 }}
  http-request del-header authorization
  http-request set-header x-aegis-identity %[var(txn.sub)]
{allowed}\
  http-request deny deny_status 403
  default_backend app
backend app
{"  http-reuse always" if mesh.h2c else ""}
  server app 127.0.0.1:{origin}{" proto h2" if mesh.h2c else ""}
"""


def origin(port: int, body: str) -> str:
    """Answers every request, by HTTP/1.1 or HTTP/2, with the file `body`.

    One that ends in /seen is told what came of the caller.
    """
    told = '"%[req.hdr(x-aegis-identity)] %[req.hdr(authorization)]"'
    return f"""{_HEAD}\
frontend origin
  bind 127.0.0.1:{port}
  http-request return status 200 content-type text/plain lf-string {told} if {{ path_end /seen }}
  http-request return status 200 content-type text/plain file "{body}"
"""
