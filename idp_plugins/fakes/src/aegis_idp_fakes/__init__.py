"""For tests only: servers on loopback that stand for identity providers that cannot be run here.

Each refuses what the real service refuses, and says so in the words that its SDK understands: a ServiceAccount token
with a wrong signature, issuer, audience or subject, or an expired one; an unknown application; a caller without the
right to make things. Each can be throttled, broken, slow, and late to know what was just made. They prove how a plugin
speaks, not that the provider answers so: where the wire forms come from is said beside them.

- `server`: what all of them share: TLS, the requests that came, injected trouble
- `faults`, `propagation`: that trouble
- `assertions`: judges a ServiceAccount token by the keys that its issuer publishes
- `certificates`: TLS for 127.0.0.1
- `aws`: AWS STS, the roles of IAM, and identity pools of Cognito
- `entra`: Microsoft Entra ID and Microsoft Graph
- `google`: the Security Token Service, IAM and ID tokens of Google Cloud
"""
