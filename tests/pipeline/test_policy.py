import pytest

from pipeline.policy import Allowed
from tests.stand_ins.runs import TOPIC, job

ALLOWED = Allowed(
    "github.com",
    ("*",),
    ("cheap", "good"),
    (TOPIC,),
    lambda set_hash: None if set_hash == "c0ffee00" else "none such",
)


@pytest.mark.parametrize(
    ("patterns", "is_allowed"),
    [
        (("*",), True),
        (("octo/*",), True),
        (("OCTO/Repo",), True),
        (("acme/*", "octo/repo"), True),
        (("octo/repo2",), False),
        (("octo/rep",), False),
        (("oct/*",), False),
        (("*/other",), False),
        ((), False),
    ],
)
def test_only_listed_repositories_are_allowed(patterns: tuple[str, ...], is_allowed: bool):
    refusal = Allowed("github.com", patterns).refusal(job())
    assert refusal == (
        None if is_allowed else "octo/repo is not in CODING_AGENT_ALLOWED_REPOSITORIES"
    )


@pytest.mark.parametrize(
    "address", ["https://ghe.example.com/octo/repo/issues/42", "file:///octo/repo/issues/42"]
)
def test_issues_of_another_host_are_refused(address: str):
    refusal = ALLOWED.refusal(job(issue_url=address))
    assert refusal is not None and "this deployment works for issues at github.com" in refusal


@pytest.mark.parametrize(
    "fields",
    [
        {"options": {"model": "dear"}},
        {"replay": {"id": "r", "model": "dear"}},
        {"options": {"model": "cheap"}, "replay": {"id": "r", "model": "dear"}},
    ],
)
def test_only_listed_models_may_be_requested(fields: dict[str, dict[str, str]]):
    assert ALLOWED.refusal(job(**fields)) == "model 'dear' is not in CODING_AGENT_ALLOWED_MODELS"
    assert (
        ALLOWED.refusal(job(options={"model": "cheap"}, replay={"id": "r", "model": "good"}))
        is None
    )


def test_only_listed_topics_may_be_requested():
    assert ALLOWED.refusal(job(callback_topic_arn=TOPIC)) is None
    other = job(callback_topic_arn=TOPIC + "-of-somebody")
    assert ALLOWED.refusal(other) == "callback_topic_arn is not in CODING_AGENT_ALLOWED_TOPICS"


def test_a_replay_with_unknown_templates_is_refused():
    assert ALLOWED.refusal(job(replay={"id": "r", "template_set": "c0ffee00"})) is None
    refusal = ALLOWED.refusal(job(replay={"id": "r", "template_set": "deadbeef"}))
    assert refusal == "replay.template_set: none such"
