"""A stopped measurement is continued in its folder, and never exceeds its limit."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import solver
from benchmarks.measurement import Measurement, UnusableFolder
from benchmarks.predictions import Prediction
from cli import backends
from pipeline.model.price import Price
from pipeline.model.prices import ModelPrices
from pipeline.model.scripted import Entry, Script, ScriptedClient
from tests.benchmarks.conftest import SHOP, TESTS, Solve
from tests.benchmarks.test_instances import git

TWO = ("--only", "octo__shop-1,octo__shop-2", "--strategy", "single")
FIX = f"""shop.py
<<<<<<< SEARCH
{SHOP}=======
{SHOP.replace("[1:]", "")}>>>>>>> REPLACE

tests/test_more.py
<<<<<<< SEARCH
=======
{TESTS.replace("total([]), 0", "total([5]), 5")}>>>>>>> REPLACE
"""


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A model that answers every request with the fix, for 4 cents."""
    script = tmp_path / "script.json"
    script.write_text(json.dumps([{"reply": FIX, "cost_usd": 0.04}]))
    return f"scripted:{script}"


def read_rows(out: Path) -> list[dict[str, Any]]:
    """Return the rows without what may differ from run to run, such as a commit made meanwhile."""
    rows = [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]
    return [{**row, "seconds": None, "commit": None} for row in rows]


@pytest.mark.slow
def test_a_measurement_that_is_killed_repeatedly_writes_the_same_files(
    solve: Solve, model: str, arguments: list[str], tmp_path: Path
) -> None:
    """It dies before the first prediction is written, and before the second run's end is stored."""
    whole = tmp_path / "whole"
    solve(*TWO, "--model", model, "--out", str(whole))
    killed = tmp_path / "killed"
    for moment in ("predictions", "judging"):
        command = [sys.executable, "-m", "tests.benchmarks.doomed_solve", moment, *arguments, *TWO]
        process = subprocess.run(
            [*command, "--model", model, "--out", str(killed)], capture_output=True, check=False
        )
        assert process.returncode == -9, process.stderr.decode()
    solve(*TWO, "--model", model, "--out", str(killed))

    assert read_rows(killed) == read_rows(whole)
    assert [row["cost_usd"] for row in read_rows(killed)] == [0.04, 0.04]
    predictions = [(out / "predictions.jsonl").read_bytes() for out in (whole, killed)]
    assert predictions[0] == predictions[1]


@pytest.mark.slow
def test_an_exception_is_the_row_of_its_instance_until_it_is_measured_again(
    solve: Solve, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> str:
        raise RuntimeError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(solver, "without_tests", fail)
        failed, _ = solve(*TWO, "--model", model)["rows"]
    assert failed["outcome"] == "error"
    assert failed["reason"].startswith("RuntimeError: no space left (see ")
    assert (tmp_path / "out/predictions.jsonl").read_text() == ""

    document = solve(*TWO, "--model", model)
    resolved, hopeless = document["rows"]
    assert (resolved["resolved"], resolved["cost_usd"]) == (True, 0.04)
    assert hopeless["lost_at"] == "evaluation"
    assert document["summary"]["unfinished"] == 0


def test_predictions_apply_to_the_base_and_leave_tests_out_on_request(
    solve: Solve, model: str, repository: Path, tmp_path: Path
) -> None:
    file = tmp_path / "out/predictions.jsonl"
    touched: list[list[str]] = []
    for options in ((), ("--without-tests",)):
        solve(*TWO[2:], "--only", "octo__shop-1", "--model", model, *options)
        lines = file.read_text().splitlines()
        predictions = [Prediction.model_validate_json(line, extra="forbid") for line in lines]
        assert [line.instance_id for line in predictions] == ["octo__shop-1"]
        (tmp_path / "patch").write_text(predictions[0].model_patch)
        git(repository, "apply", "--check", str(tmp_path / "patch"))
        numbers = git(repository, "apply", "--numstat", str(tmp_path / "patch"))
        touched.append([line.split("\t")[2] for line in numbers.splitlines()])
    assert touched == [["shop.py", "tests/test_more.py"], ["shop.py"]]


@pytest.mark.slow
def test_a_measurement_stopped_by_a_refused_key_a_missing_model_or_a_limit_can_be_continued(
    solve: Solve, model: str, tmp_path: Path
) -> None:
    """Without its model a run fails, and is run again."""
    script = Path(model.removeprefix("scripted:"))
    answers = script.read_text()
    script.write_text('[{"status": 401}]')
    with pytest.raises(SystemExit, match="stopped: the model provider: it refused the key: "):
        solve(*TWO, "--model", model)
    assert read_rows(tmp_path / "out") == []

    script.write_text('[{"status": 404}]')
    with pytest.raises(SystemExit, match="stopped: the model provider: it does not know the model"):
        solve(*TWO, "--model", model)
    assert [row["outcome"] for row in read_rows(tmp_path / "out")] == ["failed"]

    script.write_text(answers)
    with pytest.raises(SystemExit, match=r"stopped: the limit of \$0.05 is reached: \$0.04 is"):
        solve(*TWO, "--model", model, "--max-cost-usd", "0.05")
    assert [row["resolved"] for row in read_rows(tmp_path / "out")] == [True]

    document = solve(*TWO, "--model", model, "--max-cost-usd", "0.08")
    assert document["summary"]["cost_usd"] == 0.08
    assert document["summary"]["not_measured"] == 0


def test_a_paid_model_is_estimated_confirmed_and_probed_first(
    solve: Solve, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The probe is the only call with a wrong key, and nothing else is done before it."""
    script = Script([Entry(status=401, times=1)])
    client = ScriptedClient(script)
    monkeypatch.setattr(backends, "model_client", lambda _: ("paid/model", client))
    monkeypatch.setattr(ModelPrices, "price", lambda *_, **__: Price(input=1, output=10))
    options = ("--model", "paid/model", "--strategy", "agent")
    with pytest.raises(SystemExit):
        solve(*options)
    assert "none would measure the strategy single" in capsys.readouterr().err
    monkeypatch.setenv("CODING_AGENT_SANDBOX", "auto")
    with pytest.raises(SystemExit, match="add --yes to continue"):
        solve(*options)
    assert "3 instances with paid/model: about $2.19 if it uses" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="stopped: the model provider: it refused the key"):
        solve(*options, "--yes")
    assert script.answer("") is None


def test_a_folder_belongs_to_one_measurement_and_one_process(
    solve: Solve, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    solve("--only", "octo__shop-1", "--model", "oracle")
    with pytest.raises(SystemExit):
        solve("--only", "octo__shop-1", "--model", "replay:elsewhere", "--strategy", "single")
    assert "model was 'oracle' and is now 'replay:elsewhere'" in capsys.readouterr().err

    folder = tmp_path / "locked"
    Measurement(folder, {}, name="x", tests_in_predictions=True)
    with pytest.raises(UnusableFolder, match="another process is measuring in"):
        Measurement(folder, {}, name="x", tests_in_predictions=True)
