"""The log of commands, and how long the phases of a build take."""

import pytest

from repository.testing import command_log
from repository.testing.command_log import CommandLog
from repository.testing.models import Phase


def test_a_phase_is_without_the_phases_inside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 1.0, 4.0, 10.0, 10.0, 12.0])
    monkeypatch.setattr(command_log.time, "monotonic", lambda: next(times))
    log = CommandLog()
    with log.phase("improve"), log.phase("build"):
        pass
    with log.phase("build"):
        pass
    assert log.phases == (Phase(name="improve", seconds=7.0), Phase(name="build", seconds=5.0))
    assert "[improve: 7.0 s]" in log.text
