"""Tokens of a Cognito identity pool.

A ServiceAccount signs in at the pool with its projected token, by the IAM OIDC provider of the cluster, and gets a
token with the pool's id for its audience. The pool makes identities as they come, or the reconcile function makes,
marks and removes them.

- `settings`: what `config.cognito` may set
- `pool`: the pool that they describe
- `wire`: one call of Cognito
- `refusals`: what to do about an error of Cognito
- `tokens`: signing in, and the token
- `callers`: whose tokens are good, and who signed in
- `service_accounts`: a ServiceAccount's token for the reconcile function, that shows it to the pool
- `identities`: how an identity is made, marked and removed
"""
