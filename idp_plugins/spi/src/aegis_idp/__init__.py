"""What an identity provider plugin of Aegis is.

A plugin is an installed distribution with one entry point in the group `aegis.idp`, named as in `spec.type` of an
IdentityProvider. The entry point is an object that satisfies `plugin.Plugin`: it answers five questions, each a small
typed value or coroutine. The host that asks (proxy, webhook or reconcile function) owns caching, refresh, single
flight, timeouts, threads and secrets, so a plugin is short, plain code.

- `plugin`: the five questions
- `values`: what they take and give
- `http`: the HTTP client that the host hands in
- `blocking`: such a client for hosts that may block, and `run` to ask a plugin with it
- `openid`, `oauth`: discovery of an issuer, and the token endpoint, for plugins that need them
- `claims`: claims of a verified token, read with types
- `urls`, `redaction`: which URLs are safe to call, and how to quote a provider without quoting a secret
- `settings`: a provider's settings as one attrs class: its JSON schema and its parser
- `unreachable`: why a server did not answer
- `errors`: how a plugin says what went wrong
- `destinations`: the audiences of an identity's destinations, where they must be known beforehand
- `kept`: ids of ServiceAccounts that a setting names, where somebody else keeps what they stand for
- `mounts`: where a sidecar finds its projected tokens and Secrets
- `discovery`: plugins by name
- `conformance`: the tests that every plugin runs
"""
