"""``coding-agent jobs diff``: the patch of a run."""

import pytest

from pipeline.artifacts.folder import FolderArtifacts
from tests.cli.console import Console
from tests.stand_ins.example_runs import PATCH, failed, four_rounds, opened_pull_request
from tests.stand_ins.runs import job


def test_the_patch_is_printed_byte_for_byte(console: Console) -> None:
    run = opened_pull_request(console.data_dir)
    stored = PATCH.encode() + b"+# caf\xe9\r\n"
    FolderArtifacts(console.data_dir / "artifacts").put(run.facts.artifacts["patch"], stored)
    result = console.run("jobs", "diff", job().id)
    assert result.exit_code == 0
    assert result.stdout_bytes == stored


def test_the_change_of_a_round_can_be_chosen(console: Console) -> None:
    four_rounds(console.data_dir)
    assert console.run("jobs", "diff", job().id, "--round", "1").stdout == PATCH


def test_a_round_that_does_not_exist_is_refused_with_those_that_do(console: Console) -> None:
    four_rounds(console.data_dir)
    message = console.refused("jobs", "diff", job().id, "--round", "9")
    assert message == "there is no round 9: the run has rounds 1 to 4"


def test_a_run_without_a_change_says_so(console: Console) -> None:
    failed(console.data_dir)
    message = console.refused("jobs", "diff", job().id, code=1)
    assert message.startswith("there is no patch: ")


def test_a_patch_that_is_gone_is_named(console: Console) -> None:
    run = opened_pull_request(console.data_dir)
    key = run.facts.artifacts["patch"]
    (console.data_dir / "artifacts" / key).unlink()
    message = console.refused("jobs", "diff", job().id, code=1)
    assert message == f"the artifact {key} no longer exists"


def test_a_terminal_gets_colors_and_no_control_characters(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = opened_pull_request(console.data_dir)
    hostile = PATCH.replace("# The shift", "\x1b[2J# The shift")
    FolderArtifacts(console.data_dir / "artifacts").put(
        run.facts.artifacts["patch"], hostile.encode()
    )
    monkeypatch.setenv("FORCE_COLOR", "1")
    output = console.run("jobs", "diff", job().id, color=True).stdout
    assert "\x1b[32m+        end += timedelta(days=1)" in output
    assert "\x1b[2J" not in output
