from support.in_memory_kube import InMemoryKube


def test_a_new_cluster_holds_what_every_cluster_holds() -> None:
    """Namespaces, and the roles that discovery and issuers need."""
    kube = InMemoryKube()
    names = {item["metadata"]["name"] for item in kube.ok("GET", "/api/v1/namespaces")["items"]}
    assert names == {"default", "kube-node-lease", "kube-public", "kube-system"}
    roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    assert kube.ok("GET", f"{roles}/system:service-account-issuer-discovery")["rules"]
