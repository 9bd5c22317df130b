import pytest

from pipeline.budget import EffectiveLimits
from pipeline.job import JobRefusal
from pipeline.policy import Allowed, Policy
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
    reason = "octo/repo is not in CODING_AGENT_ALLOWED_REPOSITORIES"
    expected = None if is_allowed else JobRefusal("issue_url", reason)
    assert Allowed("github.com", patterns).refusal(job()) == expected


@pytest.mark.parametrize(
    "address", ["https://ghe.example.com/octo/repo/issues/42", "file:///octo/repo/issues/42"]
)
def test_issues_of_another_host_are_refused(address: str):
    refusal = ALLOWED.refusal(job(issue_url=address))
    assert refusal is not None
    assert refusal.field == "issue_url"
    assert "this deployment works for issues at github.com" in refusal.reason


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("options.model", {"options": {"model": "dear"}}),
        ("replay.model", {"replay": {"id": "r", "model": "dear"}}),
        ("replay.model", {"options": {"model": "cheap"}, "replay": {"id": "r", "model": "dear"}}),
    ],
)
def test_only_listed_models_may_be_requested(field: str, fields: dict[str, dict[str, str]]):
    reason = "model 'dear' is not in CODING_AGENT_ALLOWED_MODELS"
    assert ALLOWED.refusal(job(**fields)) == JobRefusal(field, reason)
    allowed = job(options={"model": "cheap"}, replay={"id": "r", "model": "good"})
    assert ALLOWED.refusal(allowed) is None


def test_only_listed_topics_may_be_requested():
    assert ALLOWED.refusal(job(callback_topic_arn=TOPIC)) is None
    other = job(callback_topic_arn=TOPIC + "-of-somebody")
    reason = "callback_topic_arn is not in CODING_AGENT_ALLOWED_TOPICS"
    assert ALLOWED.refusal(other) == JobRefusal("callback_topic_arn", reason)


def test_a_replay_with_unknown_templates_is_refused():
    assert ALLOWED.refusal(job(replay={"id": "r", "template_set": "c0ffee00"})) is None
    refusal = ALLOWED.refusal(job(replay={"id": "r", "template_set": "deadbeef"}))
    assert refusal == JobRefusal("replay.template_set", "replay.template_set: none such")


def test_what_is_not_known_here_is_not_refused():
    unknown = Allowed(host=None, models=None, topics=None)
    address = "https://ghe.example.com/octo/repo/issues/42"
    asked = job(issue_url=address, options={"model": "dear"}, callback_topic_arn=TOPIC)
    assert unknown.refusal(asked) is None


def test_limits_over_the_ceiling_are_refused_before_the_job_is_queued_and_lowered_afterwards():
    policy = Policy(EffectiveLimits(3.0, 60.0, 4), 20.0, 200.0, allowed=ALLOWED)
    at_the_ceiling = job(limits={"max_cost_usd": 3, "max_minutes": 60, "max_rounds": 4})
    assert policy.refusal(at_the_ceiling) is None
    asked = job(limits={"max_minutes": 90})
    reason = "limits.max_minutes: 90 is more than this deployment allows, 60"
    assert policy.refusal(asked) == JobRefusal("limits.max_minutes", reason)
    assert policy.allowed.refusal(asked) is None
    assert policy.limits_of(asked) == EffectiveLimits(3.0, 60.0, 4)
