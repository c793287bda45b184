"""What the demo shows, in this order: later checks stand on what earlier ones left."""

from aegis_local.demo.checks import (
    ALLOWED,
    NO_TOKEN,
    Group,
    bad_annotation,
    garbage,
    identity_deleted,
    identity_restored,
    no_secrets,
    outgoing,
    plain_pod,
    policy_deleted,
    policy_edited,
    policy_restored,
    request,
    rights_pruned,
)

GROUPS = (
    Group(
        "Who may call",
        (
            request("GET chain01/ as visitor: allowed all along the chain", ALLOWED, "chain01", account="visitor"),
            request("GET chain01/ without a token", NO_TOKEN, "chain01"),
            garbage(),
            request("GET chain02/ as visitor: a good token of the wrong identity", "403", "chain02", account="visitor"),
            request(
                "POST chain01/ as visitor: a method that is not allowed",
                "403",
                "chain01",
                account="visitor",
                method="POST",
            ),
        ),
    ),
    Group(
        "Where a token counts",
        (
            request(
                "GET chain02/ with chain01's token for chain02", "200 chain02>chain03", "chain02", account="chain01"
            ),
            request(
                "GET chain03/ with that token, as chain02 could replay it",
                NO_TOKEN,
                "chain03",
                account="chain01",
                audience="chain02",
            ),
            outgoing(
                "GET chain02/ by chain01's sidecar, which adds the token", "200 chain02>chain03", "chain01", "chain02"
            ),
            outgoing("GET chain03/ by it: not among its Identity's egress.hosts", NO_TOKEN, "chain01", "chain03"),
        ),
    ),
    Group(
        "No way around the path",
        (
            request("GET chain03/public as visitor", "200 chain03", "chain03", account="visitor", path="/public"),
            request("GET chain03/public/../admin", "403", "chain03", account="visitor", path="/public/../admin"),
            request(
                "GET chain03/public/%2e%2e/admin", "403", "chain03", account="visitor", path="/public/%2e%2e/admin"
            ),
            request("GET chain03/public/..%2fadmin", "400", "chain03", account="visitor", path="/public/..%2fadmin"),
        ),
    ),
    Group("What changes while all runs", (policy_edited(), policy_deleted(), policy_restored())),
    Group(
        "An identity goes",
        (
            outgoing("GET chain03/ by chain02's sidecar", "200 chain03", "chain02", "chain03"),
            identity_deleted(),
            rights_pruned(),
            identity_restored(),
        ),
    ),
    Group("Which pods get a sidecar", (plain_pod(), bad_annotation())),
    Group("Secrets", (no_secrets(),)),
)
