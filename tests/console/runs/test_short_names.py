"""Short names in a list."""

import pytest

from console.runs.short_names import shorten_ids, shorten_issue


@pytest.mark.parametrize(
    ("ids", "shortened"),
    [
        ([], []),
        (["5c0b7e9c-6d34", "5c0b7e9d-6d34"], ["5c0b7e9c", "5c0b7e9d"]),
        (["5c0b7e9c-6d34", "5c0b7e9c-7d34", "a"], ["5c0b7e9c-6", "5c0b7e9c-7", "a"]),
        (["nightly-1", "nightly-10", "nightly-1"], ["nightly-1", "nightly-10", "nightly-1"]),
    ],
)
def test_an_id_is_as_short_as_its_neighbours_allow(ids: list[str], shortened: list[str]) -> None:
    short = shorten_ids(ids)
    assert [short[job_id] for job_id in ids] == shortened


def test_a_short_issue_keeps_its_number() -> None:
    assert shorten_issue("octo/a-long-name#91", 12) == "octo/a-l…#91"
