"""The calls that boto3 and aioboto3 make, and the permissions that IAM requires for them."""

from collections.abc import Iterator
from typing import Any

#: Service, operation, parameters.
RecordedCall = tuple[str, str, dict[str, Any]]
#: (action, kind of resource)
Permission = tuple[str, str]

#: Operations that IAM knows by another name
#: (https://docs.aws.amazon.com/service-authorization/latest/reference/).
BATCHES = {
    "DeleteMessageBatch": "DeleteMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
    "PublishBatch": "Publish",
}


def permissions(call: RecordedCall) -> Iterator[Permission]:
    """Yield the permissions that IAM requires for a call."""
    service, operation, parameters = call
    if service == "sqs":
        to = parameters.get("QueueUrl") or parameters["QueueName"]
        yield (
            f"sqs:{BATCHES.get(operation, operation)}",
            "dead-letter queue" if to.endswith("-dlq") else "queue",
        )
    elif service == "sns":
        yield f"sns:{BATCHES.get(operation, operation)}", "topic"
    elif operation == "ListObjectsV2":
        yield "s3:ListBucket", "bucket"
    elif service == "s3":
        yield f"s3:{operation}", parameters["Key"].split("/")[0]
    elif operation == "TransactWriteItems":
        for kind in {kind for write in parameters["TransactItems"] for kind in write}:
            yield (
                f"dynamodb:{'ConditionCheckItem' if kind == 'ConditionCheck' else kind + 'Item'}",
                "table",
            )
    else:
        yield f"dynamodb:{operation}", "index" if "IndexName" in parameters else "table"
