"""What to do, decided from what was observed: pure, total, without clock and client.

- `actions`: what can be done
- `answers`: what plugins answered, and what stands in the way
- `status`: conditions, and when a status is worth a write
- `providers`, `policies`, `identities`: one kind each
- `names`, `rights`: which objects a proxy may read, and the roles that say so
"""
