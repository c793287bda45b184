"""The sidecar.

`core` decides and does no I/O; `shell` does I/O and decides nothing. A request's way: `shell.server` takes it off a
connection, `core.request` parses it, a side (`shell.ingress`, `shell.egress`) has it judged by `core.ingress` or
`core.egress` against the one immutable `core.snapshot.Snapshot`, and `shell.exchange` relays it to a pooled
`shell.upstream` connection. `shell.control` keeps the snapshot current. `shell.main` wires them.
"""
