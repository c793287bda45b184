"""The names by which pods ask for the mesh: a public contract."""

PREFIX = "aegisproxy.io/"

INGRESS = PREFIX + "ingress"
INGRESS_PORT = PREFIX + "ingress.port"
INGRESS_POLICY = PREFIX + "ingress.policy"
INGRESS_HOSTS = PREFIX + "ingress.hosts"
INGRESS_PROTOCOL = PREFIX + "ingress.protocol"
EGRESS = PREFIX + "egress"
EGRESS_AUTHORIZATION = PREFIX + "egress.authorization"
IDENTITY = PREFIX + "identity"
IDENTITY_PROVIDER = PREFIX + "identity.provider"
REDIRECT = PREFIX + "redirect"
LOG_LEVEL = PREFIX + "log.level"
LOG_ACCESS = PREFIX + "log.access"
EXCLUDE_INBOUND_PORTS = PREFIX + "exclude.inbound.ports"
EXCLUDE_OUTBOUND_PORTS = PREFIX + "exclude.outbound.ports"
EXCLUDE_OUTBOUND_CIDRS = PREFIX + "exclude.outbound.cidrs"
PROXY_CPU_REQUEST = PREFIX + "proxy.cpu.request"
PROXY_CPU_LIMIT = PREFIX + "proxy.cpu.limit"
PROXY_MEMORY_REQUEST = PREFIX + "proxy.memory.request"
PROXY_MEMORY_LIMIT = PREFIX + "proxy.memory.limit"

# How many providers one pod may accept: each is watched, has its keys fetched, and is a label of metrics.
MOST_PROVIDERS = 8

# A label, so that reconcile and selectors find injected pods.
INJECTED_LABEL = PREFIX + "injected"

# The sidecar, by which all know an injected pod's proxy.
PROXY_CONTAINER = "aegis-proxy"

PROXY_UID = 1137
INGRESS_PROXY_PORT = 3127
EGRESS_PROXY_PORT = 3128
ADMIN_PORT = 3129
