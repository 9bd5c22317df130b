from datetime import timedelta

from hourglass import Timesheet, render

SHEET = """
# March
2024-03-01 09:00-12:30 billing
2024-03-01 13:15-17:00 support
2024-03-02 10:00-11:00 billing
"""


def test_the_total_is_the_sum_of_all_entries():
    assert Timesheet.parse(SHEET).total() == timedelta(hours=8, minutes=15)


def test_time_is_summed_by_task():
    assert Timesheet.parse(SHEET).by_task() == {
        "billing": timedelta(hours=4, minutes=30),
        "support": timedelta(hours=3, minutes=45),
    }


def test_the_report_ends_with_the_total():
    assert render(Timesheet.parse(SHEET)).splitlines()[-1] == "total      8h 15m"
