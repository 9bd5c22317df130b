"""Which sentences forbid contributions that a model made, in the style of real policies.

The rules were made from these sentences. How well they understand others is measured in
``test_unseen.py``.
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


LIST_OF_POLICIES = """# Policies on AI

- [Agda](https://example.org/agda): [a ban on AI-generated contributions](https://example.org/1)
- [QEMU](https://example.org/qemu), since 2025: [AI-generated code is not accepted any more](https://example.org/2)

## Projects that ban AI contributions

- NetBSD: no AI-generated code

| project | policy |
|---|---|
| Zig | AI-generated pull requests are not accepted |
"""


def test_a_list_of_other_projects_policies_forbids_nothing() -> None:
    assert read_ai_policy({"README.md": LIST_OF_POLICIES}).forbidden_by is None


@pytest.mark.parametrize(
    "text",
    [
        'A file may say "we do not accept AI-generated contributions" in its first line.',
        "The line `We do not accept AI-generated contributions.` is found by our linter.",
        "We do not accept AI-generated contributions.".join(["    ", "\n"]),
    ],
)
def test_quotations_and_code_are_the_words_of_others(text: str) -> None:
    assert read_ai_policy({"README.md": text}).forbidden_by is None


@pytest.mark.parametrize(
    "text",
    [
        "Wir nehmen keine KI-generierten Pull Requests an.",
        "No aceptamos contribuciones generadas por IA.",
        "AI で生成されたプルリクエストは受け付けません。",
    ],
)
def test_other_languages_than_english_are_not_read(text: str) -> None:
    assert read_ai_policy({"CONTRIBUTING.md": text}).forbidden_by is None


def test_a_heading_is_no_condition() -> None:
    text = "# AI policy\n\n## When to disclose AI\n\n## Acknowledgements\n\nThanks.\n"
    assert read_ai_policy({"AI_POLICY.md": text}).conditions == ()


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


@pytest.mark.parametrize(
    "unit",
    ["code by ai ", "[a](b ", "[a](b) ", "`<", "` a ", '"a b ', "do not use ai for ", "- [ ] "],
)
def test_a_hostile_file_is_read_in_a_moment(unit: str) -> None:
    sentence = (unit * 100)[:600]
    text = "\n\n".join([sentence] * 300)
    assert read_ai_policy({"AI_POLICY.md": text + unit * 20_000}).forbidden_by is None
