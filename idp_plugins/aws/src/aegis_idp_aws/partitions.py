"""The parts that AWS is split into, each with accounts, names and hosts of its own.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html; hosts as boto3 finds them.
"""

from attrs import frozen


@frozen
class Partition:
    """`suffix` ends the names of its hosts; IAM is one for all its regions, at `iam`, signed for `iam_region`."""

    name: str
    suffix: str
    iam: str
    iam_region: str


_AWS = Partition("aws", "amazonaws.com", "https://iam.amazonaws.com", "us-east-1")
_CHINA = Partition("aws-cn", "amazonaws.com.cn", "https://iam.cn-north-1.amazonaws.com.cn", "cn-north-1")
_GOVERNMENT = Partition("aws-us-gov", "amazonaws.com", "https://iam.us-gov.amazonaws.com", "us-gov-west-1")
_BY_PREFIX = {"cn": _CHINA, "us-gov": _GOVERNMENT}
_OTHERS = ("us-iso", "eu-iso", "eusc")


def partition_of(region: str) -> Partition:
    """The partition of a region, by the region's name."""
    return next((found for prefix, found in _BY_PREFIX.items() if region.startswith(f"{prefix}-")), _AWS)


def check_region(region: str) -> None:
    """Raises ValueError for the partitions that nothing is known of here."""
    if region.startswith(_OTHERS):
        raise ValueError("a region of the partitions aws, aws-cn or aws-us-gov: others are not supported")
