"""Artifacts in S3: keys below a prefix, addresses that need no account, errors."""

import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from pipeline.artifacts.s3 import S3Artifacts
from pipeline.errors import Family, judge
from tests.pipeline.artifacts.conftest import make_bucket, s3_client
from tests.stand_ins.moto import moto_client


@pytest.mark.parametrize(
    ("prefix", "stored"),
    [("", "job/0/log"), ("kept/here", "kept/here/job/0/log"), ("/kept/", "kept/job/0/log")],
)
def test_keys_are_below_the_prefix(tmp_path: Path, prefix: str, stored: str):
    bucket = make_bucket(tmp_path)
    S3Artifacts(bucket, prefix, client=s3_client()).put("job/0/log", b"data")
    listed = s3_client().list_objects_v2(Bucket=bucket)["Contents"]
    assert [item["Key"] for item in listed] == [stored]


def test_an_address_is_signed_and_holds_no_secret(tmp_path: Path):
    artifacts = S3Artifacts(make_bucket(tmp_path), "kept", client=s3_client())
    address = artifacts.address("job:1/0/a@b+c=d")
    query = parse_qs(urlsplit(address).query)
    assert (query["X-Amz-Algorithm"], query["X-Amz-Expires"]) == (["AWS4-HMAC-SHA256"], ["604800"])
    assert urlsplit(address).path.endswith("/kept/job%3A1/0/a%40b%2Bc%3Dd")
    assert "standInSecretKey" not in address


def test_the_address_is_read_without_an_account(aws: Any):
    aws.client("s3").create_bucket(
        Bucket="read-by-address", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    artifacts = S3Artifacts("read-by-address", "kept")
    artifacts.put("job:1/0/a@b+c=d", b"data")
    with urllib.request.urlopen(artifacts.address("job:1/0/a@b+c=d")) as answer:
        assert answer.read() == b"data"
        assert answer.headers["Content-Type"] == "binary/octet-stream"
    artifacts.put("job:1/0/page-0123.html", b"<p>a page</p>")
    with urllib.request.urlopen(artifacts.address("job:1/0/page-0123.html")) as answer:
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("code", "status", "family"),
    [
        ("AccessDenied", 403, Family.RETRY),
        ("NoSuchBucket", 404, Family.RETRY),
        ("SlowDown", 503, Family.WAIT),
    ],
)
def test_other_errors_pass_through(code: str, status: int, family: Family):
    client = moto_client("s3")
    refusal = {
        "Error": {"Code": code, "Message": "no"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    client.meta.events.register(
        "before-call.s3", lambda **_: (AWSResponse("", status, {}, None), refusal)
    )
    for use in (lambda a: a.get("k"), lambda a: a.put("k", b"")):
        with pytest.raises(ClientError) as caught:
            use(S3Artifacts("some-bucket", "", client=client))
        assert judge(caught.value).family is family
