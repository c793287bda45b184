"""What an account holds."""

from aegis_idp_fakes.aws import Account
from aegis_idp_fakes.propagation import Propagation

POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def account() -> Account:
    return Account("111122223333", "https://i", Propagation())


def test_a_role_is_found_by_name_and_by_all_of_its_arn() -> None:
    """The path counts."""
    there = account()
    role = there.register("one", {}, "/a/")
    assert there.by_arn("arn:aws:iam::111122223333:role/a/one") is role
    assert there.by_arn("arn:aws:iam::111122223333:role/one") is None
    assert there.by_arn("arn:aws:iam::111122223333:role/a/two") is None


def test_a_new_role_is_unknown_for_a_while() -> None:
    """What an administrator made is not."""
    there = account()
    there.propagation.delay = 1
    there.register("old", {})
    there.register("new", {}, born=there.propagation.birth())
    assert there.known("old")
    assert there.known("new") is None
    for _ in range(2):
        there.propagation.step()
    assert there.known("new")


def test_a_boundary_bounds() -> None:
    """It gives nothing by itself."""
    there = account()
    role = there.register("one", {}, policies={"p": POLICY})
    assert there.may(role, "a", "r", {})
    role.boundary = "b"
    there.managed["b"] = {"Version": "2012-10-17", "Statement": []}
    assert not there.may(role, "a", "r", {})
    there.managed["b"] = POLICY
    assert there.may(role, "a", "r", {})
    role.policies.clear()
    assert not there.may(role, "a", "r", {})


def test_the_state_leaves_out_what_the_service_chose() -> None:
    """Two accounts with the same roles are alike."""
    one, other = account(), account()
    one.register("a", POLICY)
    other.register("a", POLICY, born=7)
    assert one.state() == other.state()
    other.roles["a"].policies["p"] = POLICY
    assert one.state() != other.state()


def test_names_begin_with_the_partition() -> None:
    """Of roles, providers and pools."""
    there = Account("111122223333", "https://i", Propagation(), partition="aws-cn")
    assert there.arn("/", "a") == "arn:aws-cn:iam::111122223333:role/a"
    assert there.oidc_provider("https://a.b/c") == "arn:aws-cn:iam::111122223333:oidc-provider/a.b/c"
    pool = there.pool("cn-north-1", "https://a.b/c")
    assert pool.arn == f"arn:aws-cn:cognito-identity:cn-north-1:111122223333:identitypool/{pool.id}"
    assert (pool.providers, there.pools) == ({there.oidc_provider("https://a.b/c")}, {pool.id: pool})
