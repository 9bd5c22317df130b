"""How many sentences are understood that the rules were not made from.

``unseen_forbidding.yaml`` and ``unseen_allowing.yaml`` were written before the rules were last
changed, and no rule was changed because of them. Whoever makes a rule from one of them moves it to
``forbidding.yaml`` or ``allowing.yaml`` and writes another one.
"""

from pathlib import Path

import yaml

from repository.ai_policy import read_ai_policy

HERE = Path(__file__).parent
#: docs/maintainers.md has these figures, too.
FOUND = 20
OF_FORBIDDING = 32
LEFT_ALONE = 36
OF_ALLOWING = 40


def read_answers(name: str) -> list[bool]:
    """Return for each sentence of a file whether it is taken for a ban."""
    answers: list[bool] = []
    for case in yaml.safe_load((HERE / name).read_text()):
        policy = read_ai_policy({case.get("file", "CONTRIBUTING.md"): case["text"]})
        answers.append(policy.forbidden_by is not None)
    return answers


def test_so_many_sentences_that_forbid_are_found() -> None:
    answers = read_answers("unseen_forbidding.yaml")
    assert (sum(answers), len(answers)) == (FOUND, OF_FORBIDDING)


def test_so_many_other_sentences_are_left_alone() -> None:
    answers = read_answers("unseen_allowing.yaml")
    assert (len(answers) - sum(answers), len(answers)) == (LEFT_ALONE, OF_ALLOWING)
