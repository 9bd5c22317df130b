"""Timesheets in plain text."""

from hourglass.entries import Entry, parse_entry
from hourglass.report import render
from hourglass.sheet import Timesheet

__all__ = ["Entry", "Timesheet", "parse_entry", "render"]
