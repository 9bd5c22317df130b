"""The limits of a round."""

from pathlib import Path

import pytest

from pipeline.budget import EffectiveLimits
from stages.propose_patch.agent.limits import RoundLimits
from tests.stand_ins.runs import StageRun


async def test_a_resumed_round_has_the_time_limit_that_it_was_opened_with(tmp_path: Path) -> None:
    run = StageRun(tmp_path, limits=EffectiveLimits(1.0, 100.0, 3))
    opened = await RoundLimits.open(run.context(), 1)
    assert opened.seconds_left() == pytest.approx(70 * 60, abs=5)

    run.limits = EffectiveLimits(1.0, 60.0, 3)  # 40 minutes later
    resumed = await RoundLimits.open(run.context(), 1)
    assert resumed.seconds_left() == pytest.approx(30 * 60, abs=5)
    assert await resumed.nearly_used(1, 0.0) is None

    run.limits = EffectiveLimits(1.0, 40.0, 3)
    resumed = await RoundLimits.open(run.context(), 1)
    assert await resumed.nearly_used(1, 0.0) == "60 of 70 minutes"
    run.limits = EffectiveLimits(1.0, 29.0, 3)
    assert "time" in str((await RoundLimits.open(run.context(), 1)).reached(1))
