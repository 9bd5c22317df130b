"""What compose.yaml has in the place of AWS and of GitHub.

python -m examples.laptop aws: makes the queue, its dead-letter queue and the topic where
AWS_ENDPOINT_URL points. python -m examples.laptop github: serves the strict GitHub stand-in, with
the demo's repository and issue."""

import json
import signal
import sys
import tempfile
from pathlib import Path

REPOSITORY = "acme/hourglass"
PORT = 8081
DEMO = Path(__file__).parent / "demo"


def aws() -> None:
    import boto3

    sqs = boto3.client("sqs")
    sns = boto3.client("sns")
    dead = sqs.create_queue(QueueName="coding-agent-jobs-dead-letters")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "90"})
    queue = sqs.create_queue(QueueName="coding-agent-jobs", Attributes={"RedrivePolicy": policy})[
        "QueueUrl"
    ]
    print(f"CODING_AGENT_QUEUE_URL={queue}")
    print(f"CODING_AGENT_TOPIC_ARN={sns.create_topic(Name='coding-agent-events')['TopicArn']}")


def github() -> None:
    from tests.stand_ins.github import GithubStandIn

    title, _, body = (DEMO / "issue.md").read_text(encoding="utf-8").partition("\n")
    with (
        tempfile.TemporaryDirectory() as folder,
        GithubStandIn(Path(folder), port=PORT) as stand_in,
    ):
        stand_in.add_repository(REPOSITORY, DEMO / "sample")
        number = stand_in.add_issue(REPOSITORY, title, body.strip(), author="ada")
        print(f"{stand_in.api_url} has {stand_in.issue_url(REPOSITORY, number)}", flush=True)
        signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    {"aws": aws, "github": github}[sys.argv[1]]()
