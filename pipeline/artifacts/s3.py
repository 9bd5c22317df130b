"""Artifacts in an S3 bucket, for workers on many machines."""

from typing import Any

from pipeline.artifacts import validate_key

#: Seconds that a presigned URL is valid: the most that S3 allows
#: (https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html).
PRESIGN_SECONDS = 7 * 86_400


class S3Artifacts:
    """See ``pipeline.artifacts.Artifacts``.

    The role needs s3:PutObject and s3:GetObject on the prefix, and s3:ListBucket on the bucket:
    without the latter, S3 answers 403 for a missing key. Errors from botocore pass through.
    """

    def __init__(self, bucket: str, prefix: str, *, client: Any = None):
        self._bucket = bucket
        self._prefix = prefix.strip("/")
        self._client = client or _client()

    def put(self, key: str, data: bytes) -> None:
        # Without a content type, a browser saves output of a model or a test instead of rendering
        # it. Only the pages of runs are HTML: see ``pipeline.engine.run_page``.
        kind = {"ContentType": "text/html; charset=utf-8"} if key.endswith(".html") else {}
        self._client.put_object(Bucket=self._bucket, Key=self._object_key(key), Body=data, **kind)

    def get(self, key: str) -> bytes:
        object_key = self._object_key(key)
        try:
            response = self._client.get_object(Bucket=self._bucket, Key=object_key)
        except self._client.exceptions.NoSuchKey as error:
            raise FileNotFoundError(f"s3://{self._bucket}/{object_key}") from error
        body: bytes = response["Body"].read()
        return body

    def names(self, beginning: str) -> list[str]:
        folder = f"{self._prefix}/" if self._prefix else ""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=folder + beginning, Delimiter="/"
        )
        names = []
        for page in pages:
            for entry in page.get("Contents", ()):
                names.append(entry["Key"].removeprefix(folder))
        return names

    def address(self, key: str) -> str:
        """Return a presigned URL, which can be read without an AWS account.

        It expires with the credentials that signed it, even before its own expiry time: those of an
        ECS task's role last some hours.
        """
        parameters = {"Bucket": self._bucket, "Key": self._object_key(key)}
        url = self._client.generate_presigned_url(
            "get_object", Params=parameters, ExpiresIn=PRESIGN_SECONDS
        )
        return str(url)

    def _object_key(self, key: str) -> str:
        validate_key(key)
        if not self._prefix:
            return key
        return f"{self._prefix}/{key}"


def _client() -> Any:
    from botocore.config import Config

    from pipeline.aws import limits, region, session

    # SigV4: boto3 still presigns with SigV2 in some regions, which newer buckets refuse.
    config = Config(**limits(), signature_version="s3v4")
    return session().client("s3", region_name=region(), config=config)
