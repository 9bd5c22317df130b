"""``coding-agent jobs transcript``: its source, what is printed, and the keys of the viewer."""

import os
import pty
import re
import select
from collections.abc import Callable, Iterator

import pytest

from cli.transcripts.viewer import Viewer
from console.visible_text import visible
from pipeline.artifacts.folder import FolderArtifacts
from pipeline.model import Message
from pipeline.outcome import Event, Outcome
from pipeline.store.contract import Checkpoint
from pipeline.store.sqlite import SqliteStore
from stages.propose_patch.agent.steps import Observation, StepRecord, Usage
from stages.propose_patch.agent.transcript import Transcript, make_transcript
from tests.cli.console import COMMAND, ROOT, Console
from tests.stand_ins.runs import claim, finish, job, result_of

HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202eabc\x9b31m\r"


def step(number: int, *, round: int = 1, text: str = "3 passed", **fields: object) -> StepRecord:
    observation = Observation(
        call_id=None, tool="bash", call=f"pytest -k case{number}", text=text, exit_code=1
    )
    return StepRecord.model_validate(
        {
            "number": number,
            "round": round,
            "reply": Message(role="assistant", content=f"I run case {number}.", model="m-1"),
            "usage": Usage(thoughts="It is the sign.", prompt_tokens=9, cost_usd=0.01),
            "label": f"attempt-1-step-{number:03}",
            "exchange_key": "k",
            "history_limit": 1,
            "observations": (observation,),
            **fields,
        }
    )


def transcript(*records: StepRecord) -> Transcript:
    return make_transcript(1, records, "submitted", lambda text: text)


@pytest.fixture
def store(console: Console) -> Iterator[SqliteStore]:
    store = SqliteStore(console.data_dir / "store.sqlite")
    yield store
    store.close()


def run_with_steps(store: SqliteStore, *records: StepRecord, attempt: int = 1) -> str:
    """Store a run that has not ended; return its job's id."""
    claimed = claim(store)
    for record in records:
        name = f"remembered:attempt-{attempt}/step-{record.number:03}"
        body = record.model_dump_json()
        store.save_checkpoint(claimed.lease, Checkpoint(0, name, body, False, 0.0, 1.0))
    return job().id


def test_an_unfinished_run_shows_its_stored_steps(console: Console, store: SqliteStore) -> None:
    job_id = run_with_steps(store, step(1), step(2, round=2, before="the tests failed"))

    printed = console.run("jobs", "transcript", job_id).stdout

    for text in (
        "step 1 (1 of 2) · round 1 · m-1 · 9 tokens in, 0 out · $0.0100",
        "It is the sign.",
        "I run case 1.",
        "pytest -k case1",
        "result, exit code 1",
        "3 passed",
        "the tests failed",
        "attempt 1: 2 steps; not ended",
    ):
        assert text in printed
    only_second = console.run("jobs", "transcript", job_id, "--round", "2").stdout
    assert "case 2" in only_second and "case 1" not in only_second


def end_with_transcript(store: SqliteStore, console: Console, *steps: StepRecord) -> Transcript:
    """End a run whose artifact has two steps, and whose store has ``steps``."""
    claimed = claim(store)
    for record in steps:
        name = f"remembered:attempt-1/step-{record.number:03}"
        body = record.model_dump_json()
        store.save_checkpoint(claimed.lease, Checkpoint(0, name, body, False, 0.0, 1.0))
    artifacts = FolderArtifacts(console.data_dir / "artifacts")
    key = f"{claimed.run.key.prefix}/1/propose_patch/abc-transcript.json"
    written = transcript(step(1), step(2))
    artifacts.put(key, written.model_dump_json(indent=1).encode())
    result = result_of(claimed, Outcome.NO_FIX).model_copy(
        update={"artifacts": {"transcript": artifacts.address(key)}}
    )
    store.finish(claimed.lease, result, Event.about(result, "2001-09-09T01:46:40.000Z"), None)
    return written


def test_the_artifact_of_an_ended_run_is_printed_as_json(
    console: Console, store: SqliteStore
) -> None:
    written = end_with_transcript(store, console, step(1), step(2))

    payload = console.json("jobs", "transcript", job().id, "--json")

    assert Transcript.model_validate(payload) == written
    assert payload["version"] == 1


def test_steps_after_the_last_artifact_are_shown(console: Console, store: SqliteStore) -> None:
    end_with_transcript(store, console, step(1), step(2), step(3, round=2))

    assert len(console.json("jobs", "transcript", job().id, "--json")["steps"]) == 3


def test_a_transcript_of_another_version_is_refused(console: Console, store: SqliteStore) -> None:
    end_with_transcript(store, console)
    (file,) = (console.data_dir / "artifacts").rglob("*-transcript.json")
    file.write_text('{"version": 2}')

    assert "another version" in console.refused("jobs", "transcript", job().id, code=1)


def test_what_is_missing_is_named(console: Console, store: SqliteStore) -> None:
    assert "no job 'x'" in console.refused("jobs", "transcript", "x")
    finish(store, claim(store))
    assert "strategy single writes none" in console.refused("jobs", "transcript", job().id, code=1)
    claimed = claim(store, job(43))
    body = step(1).model_dump_json()
    checkpoint = Checkpoint(0, "remembered:attempt-1/step-001", body, False, 0.0, 1.0)
    store.save_checkpoint(claimed.lease, checkpoint)
    error = console.refused("jobs", "transcript", job(43).id, "--attempt", "2", code=1)
    assert "has no attempt 2; it has: 1" in error
    error = console.refused("jobs", "transcript", job(43).id, "--round", "3")
    assert "round 3" in error


def test_control_characters_of_an_observation_have_no_effect(
    console: Console, store: SqliteStore
) -> None:
    job_id = run_with_steps(store, step(1, text=HOSTILE))

    printed = console.run("jobs", "transcript", job_id, "--plain").stdout

    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", printed)
    assert "␛]0;owned␇" in printed
    assert visible("a\tb\r\nc\n") == "a       b\nc\n"


# The viewer


def viewer(*records: StepRecord, lines: int = 8) -> Viewer:
    return Viewer(transcript(*records), 80, lines, color=False)


def press(view: Viewer, keys: str | list[str]) -> str:
    for key in keys:
        view.press(key)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", view.screen())


def test_keys_move_between_steps() -> None:
    view = viewer(step(1), step(2), step(3))

    assert "step 1 (1 of 3)" in press(view, [])
    assert "step 2 (2 of 3)" in press(view, "l")
    assert "step 3 (3 of 3)" in press(view, ["right"])
    assert "this is the last step" in press(view, "l")
    assert "step 2 (2 of 3)" in press(view, "h")
    assert "step 1 (1 of 3)" in press(view, "g")
    assert "this is the first step" in press(view, ["left"])
    assert "step 3 (3 of 3)" in press(view, "G")
    view.press("q")
    assert view.has_quit


def test_keys_scroll_within_a_step() -> None:
    numbers = "\n".join(f"line {number}" for number in range(100))
    view = viewer(step(1, text=numbers), lines=10)

    assert "more lines below" in press(view, [])
    assert view.top == 0
    press(view, "jj")
    assert view.top == 2
    press(view, ["k", " ", "page down"])
    assert view.top == 15
    last = press(view, ["page down"] * 20)
    assert "line 99" in last and "more lines below" not in last
    press(view, ["up"] * 200)
    assert view.top == 0


def test_a_search_goes_to_the_next_match_and_wraps_around() -> None:
    view = viewer(step(1), step(2, text="x\n" * 50 + "A Needle"), step(3))

    assert "A Needle" in press(view, ["/", *"needlx", "backspace", "e", "enter"])
    assert view.index == 1
    press(view, "G")
    press(view, "n")
    assert view.index == 1
    assert "no step contains 'absent'" in press(view, ["/", *"absent", "enter"])
    press(view, ["/", "q", "escape"])
    assert not view.has_quit
    assert view.index == 1


def test_the_help_lists_the_keys_and_any_key_closes_it() -> None:
    view = viewer(step(1), lines=20)

    assert "previous step" in press(view, "?")
    assert "I run case 1." in press(view, "q")
    assert not view.has_quit


def test_a_screen_has_as_many_lines_as_the_terminal() -> None:
    view = viewer(step(1, text="word " * 100))
    for lines, columns in ((8, 80), (24, 40), (3, 20)):
        view.resize(columns, lines)
        shown = press(view, []).split("\r\n")
        assert len(shown) == lines
        assert max(map(len, shown)) <= columns


def test_the_viewer_works_in_a_real_terminal(
    console: Console, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = run_with_steps(store, step(1, text=HOSTILE), step(2))
    child, terminal = pty.fork()
    if child == 0:
        arguments = [*COMMAND, "jobs", "transcript", job_id]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm", "NO_COLOR": "1"}
        os.execvpe(arguments[0], arguments, environment)
    read = _reader(terminal)

    first = read("step 1 (1 of 2)")
    os.write(terminal, b"l")
    second = read("step 2 (2 of 2)")
    os.write(terminal, b"\x1b[D")
    read("step 1 (1 of 2)")
    os.write(terminal, b"q")
    rest = read("\x1b[?1049l")

    assert first.startswith("\x1b[?1049h")
    assert "\x1b]0;owned" not in first
    assert not re.search(r"\x1b\[(?:1;)?3\d", first + second + rest)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.close(terminal)


def _reader(terminal: int) -> Callable[[str], str]:
    """Return a function that reads from a terminal until a text appears."""

    def read(text: str) -> str:
        seen = b""
        while text.encode() not in seen:
            ready, _, _ = select.select([terminal], [], [], 60)
            assert ready, f"{text!r} did not appear in {seen!r}"
            seen += os.read(terminal, 65536)
        return seen.decode(errors="replace")

    return read
