"""A timesheet as a table for people."""

from datetime import timedelta

from hourglass.sheet import Timesheet


def hours(time: timedelta) -> str:
    """``7h 15m``; seconds are dropped."""
    minutes = int(time.total_seconds()) // 60
    return f"{minutes // 60}h {minutes % 60:02d}m"


def render(sheet: Timesheet) -> str:
    rows = [(task, hours(time)) for task, time in sheet.by_task().items()]
    rows.append(("total", hours(sheet.total())))
    width = max(len(task) for task, _ in rows)
    return "\n".join(f"{task:<{width}}  {time:>8}" for task, time in rows)
