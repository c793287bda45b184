"""Decides; does no I/O, reads no clock and no environment, logs nothing. Time and randomness are parameters.

The way of a request through the core, left to right (`bytes -> Request -> Identity -> Permit -> upstream bytes`):

- `head`: collects the head of a message; `request` parses it; `fields` says what each header field is to a proxy
- `framing`: bodies as they pass, decoded and framed anew
- `jws`, `keys`, `tokens`, `token_cache`: who sent this?
- `rules`: is this allowed?   `ingress`: both questions in their order; the only maker of a `Permit`
- `egress`: where does this go, and does it get a token?
- `response`: what upstream answered, judged as strictly
- `refusals`: every way to say no, and the answer for each
- `snapshot`: what all of this knows at one moment
"""
