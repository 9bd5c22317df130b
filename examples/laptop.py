"""The services that compose.yaml, and ``examples.stack``, use in place of AWS and GitHub.

``python -m examples.laptop aws`` creates the queue, its dead-letter queue and the topic at
AWS_ENDPOINT_URL. ``python -m examples.laptop github`` serves the strict GitHub stand-in, with the
demo's repository and issue.
"""

import json
import signal
import sys
import tempfile
from pathlib import Path

REPOSITORY = "acme/hourglass"
PORT = 8081
DEMO = Path(__file__).parent / "demo"
_STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}


def make_aws_resources() -> None:
    import boto3

    sqs = boto3.client("sqs")
    sns = boto3.client("sns")
    dead_letters = sqs.create_queue(QueueName="coding-agent-jobs-dead-letters")
    response = sqs.get_queue_attributes(
        QueueUrl=dead_letters["QueueUrl"], AttributeNames=["QueueArn"]
    )
    redrive_policy = {
        "deadLetterTargetArn": response["Attributes"]["QueueArn"],
        "maxReceiveCount": "90",
    }
    queue = sqs.create_queue(
        QueueName="coding-agent-jobs",
        Attributes={"RedrivePolicy": json.dumps(redrive_policy)},
    )
    topic = sns.create_topic(Name="coding-agent-events")
    print(f"CODING_AGENT_QUEUE_URL={queue['QueueUrl']}")
    print(f"CODING_AGENT_TOPIC_ARN={topic['TopicArn']}")


def serve_github(root: Path, *, port: int, state: Path | None = None) -> None:
    """Serve the stand-in until a signal asks to stop, with the demo's repository and issue.
    ``state`` is a file that keeps its data for the next time.
    """
    from tests.stand_ins.github import GithubStandIn

    # Before the stand-in's thread starts, which inherits it.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    title, _, body = (DEMO / "issue.md").read_text(encoding="utf-8").partition("\n")
    is_new = state is None or not state.exists()
    with GithubStandIn(root, port=port, state=state) as stand_in:
        if is_new:
            stand_in.add_repository(REPOSITORY, DEMO / "sample")
            number = stand_in.add_issue(REPOSITORY, title, body.strip(), author="ada")
            stand_in.save()
            print(f"{stand_in.api_url} has {stand_in.issue_url(REPOSITORY, number)}", flush=True)
        signal.sigwait(_STOP_SIGNALS)


def serve_temporary_github() -> None:
    with tempfile.TemporaryDirectory() as folder:
        serve_github(Path(folder), port=PORT)


PROGRAMS = {"aws": make_aws_resources, "github": serve_temporary_github}

if __name__ == "__main__":
    arguments = sys.argv[1:]
    if len(arguments) != 1 or arguments[0] not in PROGRAMS:
        sys.exit(f"usage: python -m examples.laptop {'|'.join(PROGRAMS)}")
    PROGRAMS[arguments[0]]()
