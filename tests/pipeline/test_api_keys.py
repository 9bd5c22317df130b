"""API keys as an operator writes them, and what each may ask for."""

from pathlib import Path

import pytest

from pipeline.api_keys import ApiKey, KeyLimits, parse_keys, parse_limits
from pipeline.job import JobRefusal
from tests.stand_ins.runs import job


def names_and_keys(text: str) -> list[tuple[str, str]]:
    return [(entry.name, entry.key) for entry in parse_keys(text)]


def repositories(text: str) -> tuple[str, ...] | None:
    (entry,) = parse_keys(text)
    return entry.limits.repositories


def test_keys_are_named_or_bare_and_spaces_around_them_are_ignored():
    assert names_and_keys(" a=one , two,, a=three,b=x=y== ") == [
        ("a", "one"),
        ("default", "two"),
        ("a", "three"),
        ("b", "x=y=="),
    ]
    assert names_and_keys("") == names_and_keys(" , ") == []


@pytest.mark.parametrize(
    ("text", "key", "patterns"),
    [
        ("a=one", "one", None),
        ("a=one@octo/*", "one", ("octo/*",)),
        ("a=one@octo/*+acme/tools", "one", ("octo/*", "acme/tools")),
        ("one@octo/*", "one", ("octo/*",)),
        ("a=x+y/z=@octo/*", "x+y/z=", ("octo/*",)),
        ("a=user@host@*", "user@host", ("*",)),
    ],
)
def test_repositories_follow_the_last_at_sign(
    text: str, key: str, patterns: tuple[str, ...] | None
):
    assert [entry.key for entry in parse_keys(text)] == [key]
    assert repositories(text) == patterns


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ok=1,sevalla=", "entry 2: it has no key after its name"),
        ("c2VjcmV0c2VjcmV0MTI=", "entry 1: it has no key after its name"),
        ("c2VjcmV0c2VjcmV0MQ==", "entry 1: it has no key after its name"),
        ("a=@octo/*", "entry 1: it has no key after its name"),
        ("=secret", "entry 1: a name has"),
        ("a b=secret", "entry 1: a name has"),
        ("github-webhook=secret", "entry 1: github-webhook is the owner of the webhook's jobs"),
        ("a=se cret", "entry 1: a key consists of"),
        ("a=sécret", "entry 1: a key consists of"),
        ("a=secret,b=secret", "entry 2: it has the same key as another name"),
        ("a=secret@octo", "entry 1: after @ come the repositories"),
        ("a=secret@", "entry 1: after @ come the repositories"),
        ("a=secret@octo/*+", "entry 1: after @ come the repositories"),
        ("a=secret@octo/* acme/x", "entry 1: after @ come the repositories"),
        ("a=secret@host", "if the key itself contains @, write name=key@*"),
        ("a=secret@octo/*,a=secret2", "entry 2: another key of its name has other repositories"),
    ],
)
def test_a_wrong_entry_is_explained_without_being_shown(text: str, message: str):
    with pytest.raises(ValueError) as error:
        parse_keys(text)
    assert message in str(error.value)
    assert not any(part in str(error.value) for part in ("secret", "sécret", "c2Vj"))


def test_limits_are_read_from_yaml_or_from_a_file_of_it(tmp_path: Path):
    text = "{a: {labels: [bot], max_cost_usd_per_day: 5}, b: {operator: true}}"
    limits = parse_limits(text)
    assert limits == {
        "a": KeyLimits(labels=("bot",), max_cost_usd_per_day=5),
        "b": KeyLimits(operator=True),
    }
    file = tmp_path / "limits.yaml"
    file.write_text("a:\n  labels: [bot]\n  max_cost_usd_per_day: 5\nb:\n  operator: true\n")
    assert parse_limits(str(file)) == limits
    a, b, other = parse_keys("a=one@octo/*,b=two,c=three", limits)
    assert a == ApiKey(
        "a",
        "one",
        KeyLimits(repositories=("octo/*",), **limits["a"].model_dump(exclude={"repositories"})),
    )
    assert (b.limits, other.limits) == (limits["b"], KeyLimits())


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ("{a: {colour: red}}", "a.colour: unknown field"),
        ("{a: {repositories: [octo]}}", "'octo' is neither owner/*, owner/name nor *"),
        ("{a: 5}", "write {name: {repositories: [...]}}"),
        ("{a: {max_cost_usd_per_day: .inf}}", "a.max_cost_usd_per_day: Input should be a finite"),
        ("{a: [}", "it is not valid YAML: "),
        ("{a: {labels: [x]}, a: {}}", "it is not valid YAML: 'a' occurs twice"),
        ("nowhere.yaml", "nowhere.yaml can't be read: "),
    ],
)
def test_wrong_limits_are_explained(limits: str, message: str):
    with pytest.raises(ValueError) as error:
        parse_limits(limits)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_repositories_are_named_in_one_place():
    with pytest.raises(ValueError, match="entry 1: its repositories are also in"):
        parse_keys("a=one@octo/*", {"a": KeyLimits(repositories=("octo/*",))})


def test_limits_of_a_key_that_does_not_exist_are_refused():
    with pytest.raises(ValueError, match="there is no key named b, c"):
        parse_keys("a=one", {"c": KeyLimits(), "b": KeyLimits(), "a": KeyLimits()})


@pytest.mark.parametrize(
    ("limits", "fields", "field"),
    [
        ({"repositories": ("acme/*",)}, {}, "issue_url"),
        ({"repositories": ()}, {}, "issue_url"),
        ({"labels": ()}, {"labels": ["bot"]}, "options.labels"),
        ({"labels": ("bot",)}, {"labels": ["Bot", "automerge"]}, "options.labels"),
        ({"reviewers": ("ada",)}, {"reviewers": ["bob"]}, "options.reviewers"),
    ],
)
def test_a_job_beyond_a_keys_limits_is_refused(
    limits: dict[str, tuple[str, ...]], fields: dict[str, list[str]], field: str
):
    refusal = KeyLimits.model_validate(limits).refusal(job(options=fields))
    assert refusal is not None
    assert refusal.field == field
    assert refusal.reason.startswith("this key may not ")


def test_a_job_within_a_keys_limits_is_accepted():
    limits = KeyLimits(repositories=("Octo/*",), labels=("bot",), reviewers=("ada",))
    assert limits.refusal(job(options={"labels": ["BOT"], "reviewers": ["Ada"]})) is None
    assert KeyLimits().refusal(job(options={"labels": ["any"]})) is None
    refusal = limits.refusal(job(options={"labels": ["x"]}))
    assert refusal == JobRefusal("options.labels", "this key may not set 'x'; its labels: bot")
