"""Artifacts in an S3 bucket, for workers on many machines."""

from typing import Any

from pipeline.artifacts import checked

#: Seconds that a presigned address may live at most
#: (https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html).
MAX_PRESIGN_SECONDS = 7 * 86_400


class S3Artifacts:
    """The role needs s3:PutObject and s3:GetObject on the prefix, and s3:ListBucket on the bucket: without that S3
    answers 403 for what is missing. Errors of botocore pass through."""

    def __init__(
        self,
        bucket: str,
        prefix: str,
        *,
        client: Any = None,
        presign_seconds: int = MAX_PRESIGN_SECONDS,
    ):
        if client is None:
            import boto3
            from botocore.config import Config

            from pipeline.aws import limits, region

            # SigV4: boto3 still presigns with the old SigV2 in some regions, which newer buckets
            # refuse.
            config = Config(**limits(), signature_version="s3v4")
            client = boto3.session.Session().client("s3", region_name=region(), config=config)
        self._bucket = bucket
        self._prefix = prefix.strip("/")
        self._client = client
        self._presign_seconds = presign_seconds

    def put(self, key: str, data: bytes) -> None:
        # No content type: a browser saves what a model or a test wrote, it does not show it as a
        # page.
        self._client.put_object(Bucket=self._bucket, Key=self._key(key), Body=data)

    def get(self, key: str) -> bytes:
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=self._key(key))
        except self._client.exceptions.NoSuchKey as error:
            raise FileNotFoundError(f"s3://{self._bucket}/{self._key(key)}") from error
        body: bytes = answer["Body"].read()
        return body

    def address(self, key: str) -> str:
        """A presigned GET address, which whoever holds it can read without an AWS account.

        It ends with the credentials that signed it, whatever it says itself: an ECS task role's last some hours.
        """
        place = {"Bucket": self._bucket, "Key": self._key(key)}
        signed = self._client.generate_presigned_url(
            "get_object", Params=place, ExpiresIn=self._presign_seconds
        )
        return str(signed)

    def _key(self, key: str) -> str:
        return "/".join(filter(None, (self._prefix, checked(key))))
