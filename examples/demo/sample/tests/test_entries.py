from datetime import date, timedelta

import pytest

from hourglass.entries import BadEntry, parse_entry


def test_an_entry_has_a_day_a_task_and_a_duration():
    entry = parse_entry("2024-03-01 09:00-12:30 billing")
    assert entry.day == date(2024, 3, 1)
    assert entry.task == "billing"
    assert entry.duration == timedelta(hours=3, minutes=30)


@pytest.mark.parametrize("line", ["", "lunch", "2024-03-01 billing", "2024-03-01 9:00-10:00 billing"])
def test_anything_else_is_refused(line):
    with pytest.raises(BadEntry):
        parse_entry(line)
