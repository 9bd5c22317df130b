"""Which sentences forbid contributions that a model made, in the wording of real policies.

The rules were tuned on every other sentence of a first collection. The rest of it, and a second
one, were tried afterwards: of 58 sentences that forbid, 49 were found, and of 72 others, 70 were
left alone. All of them are regression tests since.
"""

from pathlib import Path
from typing import Any

import pytest
import yaml

from repository.ai_policy import read_ai_policy

HERE = Path(__file__).parent


def load_cases(name: str) -> list[Any]:
    cases = yaml.safe_load((HERE / name).read_text())
    return [
        pytest.param(case.get("file", "CONTRIBUTING.md"), case["text"], id=case["text"][:70])
        for case in cases
    ]


@pytest.mark.parametrize(("path", "text"), load_cases("forbidding.yaml"))
def test_a_sentence_that_forbids_it_is_found(path: str, text: str) -> None:
    assert read_ai_policy({path: text}).forbidden_by is not None


@pytest.mark.parametrize(("path", "text"), load_cases("allowing.yaml"))
def test_a_sentence_about_something_else_is_no_ban(path: str, text: str) -> None:
    assert read_ai_policy({path: text}).forbidden_by is None


def test_the_sentence_is_quoted_with_its_file_and_line() -> None:
    text = "# Contributing\n\nThank you.\nAI-generated pull requests\nare not accepted.\n"
    quote = read_ai_policy({".github/CONTRIBUTING.md": text}).forbidden_by
    assert str(quote) == (
        "“AI-generated pull requests are not accepted.” (.github/CONTRIBUTING.md, line 4)"
    )


def test_an_item_is_quoted_with_the_words_before_its_list() -> None:
    text = "We do not accept:\n\n- AI-generated code\n- reformatting\n"
    quote = read_ai_policy({"CONTRIBUTING.md": text}).forbidden_by
    assert quote is not None
    assert quote.text == "We do not accept: AI-generated code"
    assert quote.line == 3


def test_a_policys_own_file_is_quoted_before_others() -> None:
    files = {
        "AI_POLICY.md": "No AI-generated contributions.",
        "README.md": "AI-generated contributions are not accepted.",
    }
    quote = read_ai_policy(files).forbidden_by
    assert quote is not None and quote.path == "AI_POLICY.md"


def test_a_condition_is_quoted_and_forbids_nothing() -> None:
    text = "If AI was used, disclose it with an `Assisted-by:` trailer."
    policy = read_ai_policy({"CONTRIBUTING.md": text})
    assert policy.forbidden_by is None
    assert [quote.text for quote in policy.conditions] == [text]


def test_where_models_are_permitted_unreviewed_work_is_a_condition() -> None:
    rule = "Do not submit unreviewed AI output."
    assert read_ai_policy({"CONTRIBUTING.md": rule}).forbidden_by is not None
    permitted = read_ai_policy({"CONTRIBUTING.md": f"AI tools are welcome here. {rule}"})
    assert permitted.forbidden_by is None
    assert [quote.text for quote in permitted.conditions] == [rule]


def test_what_is_forbidden_outright_stays_forbidden_beside_a_permission() -> None:
    text = "You may use AI tools. Fully AI-generated pull requests are not accepted."
    assert read_ai_policy({"CONTRIBUTING.md": text}).forbidden_by is not None


def test_a_file_about_something_else_is_not_read() -> None:
    text = "AI-generated contributions are not accepted."
    assert read_ai_policy({"src/policy_test_data.md": text}).forbidden_by is None


@pytest.mark.parametrize("unit", ["code by ai ", "[a](b ", "`<", "do not use ai for ", "- [ ] "])
def test_a_hostile_file_is_read_in_a_moment(unit: str) -> None:
    sentence = (unit * 100)[:600]
    text = "\n\n".join([sentence] * 300)
    assert read_ai_policy({"AI_POLICY.md": text + unit * 20_000}).forbidden_by is None
