"""Pull requests whose whole text a person has read: a change of any word shows in a review.

``python -m tests.golden_pulls`` renders them again.
"""

import pytest

from tests.golden_pulls import follow_ups
from tests.golden_pulls.cases import CASES, Case
from tests.golden_pulls.rendering import FOLDER, file_of, render


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_text_is_the_one_that_was_read(case: Case) -> None:
    assert render(case).to_markdown() == file_of(case).read_text()


def test_so_is_the_text_of_a_follow_up() -> None:
    assert follow_ups.render_follow_up().to_markdown() == follow_ups.FILE.read_text()


def test_each_frozen_text_belongs_to_a_case() -> None:
    files = [file_of(case) for case in CASES] + [follow_ups.FILE]
    assert sorted(FOLDER.glob("*.md")) == sorted(files)
