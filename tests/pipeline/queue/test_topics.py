"""Publishing in batches, against a stand-in that holds SNS's limits."""

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from pipeline.queue import BATCH, NotPublished, TopicMessage, Topics
from tests.stand_ins.aws import Aws
from tests.stand_ins.strict_aws import FaultPlan, StrictAws


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[StrictAws]:
    with StrictAws() as server:
        for name, value in Aws(server.endpoint).environment.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def aws(server: StrictAws) -> Aws:
    return Aws(server.endpoint)


def messages(topic_arn: str, bodies: list[str]) -> list[TopicMessage]:
    numbered = enumerate(bodies)
    return [TopicMessage(f"m{number}", topic_arn, body, {"n": "1"}) for number, body in numbered]


async def test_batches_stay_within_the_number_and_the_size_that_sns_takes(
    server: StrictAws, aws: Aws
):
    topic = aws.make_topic()
    small = [f"small {number}" for number in range(BATCH + 1)]
    large = ["é" * 60_000] * 3
    async with Topics() as topics:
        assert await topics.publish(messages(topic.arn, small + large)) == {}
    assert sorted(published.message for published in server.sns.published) == sorted(small + large)
    assert all(published.attributes == {"n": "1"} for published in server.sns.published)
    assert server.calls["PublishBatch"] == 3


async def test_topics_do_not_share_a_batch_and_one_that_is_gone_fails_its_own_messages(
    server: StrictAws, aws: Aws
):
    topic = aws.make_topic()
    good = TopicMessage("good", topic.arn, "good", {})
    bad = TopicMessage("bad", f"{topic.arn}-gone", "bad", {})
    async with Topics() as topics:
        failures = await topics.publish([bad, good])
    (error,) = failures.values()
    assert list(failures) == ["bad"] and isinstance(error, (NotPublished, ClientError))
    assert [published.message for published in server.sns.published] == ["good"]


async def test_entries_that_fail_are_named_with_who_is_to_blame(server: StrictAws, aws: Aws):
    topic = aws.make_topic()
    async with Topics() as topics:
        failures = await topics.publish(messages(topic.arn, ["a", "", "c"]))
        (refused,) = failures.values()
        assert list(failures) == ["m1"] and isinstance(refused, NotPublished)
        assert refused.is_senders and refused.code == "InvalidParameter"

        server.faults.plan = FaultPlan(entry_failed=1)
        failures = await topics.publish(messages(topic.arn, ["d"]))
        (failed,) = failures.values()
        assert isinstance(failed, NotPublished) and not failed.is_senders
    assert [published.message for published in server.sns.published] == ["a", "c"]
