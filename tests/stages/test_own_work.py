"""Which new files belong to the change, and which were only for the model's own work."""

import pytest

from stages.propose_patch.agent.own_work import belongs_to_change
from stages.propose_patch.agent.steps import EditedFile, Observation


def belongs(*commands: str, path: str = "new.py") -> bool:
    calls = [Observation(call_id=None, tool="bash", call=each, text="") for each in commands]
    return belongs_to_change(path, calls)


@pytest.mark.parametrize(
    "command",
    [
        "python new.py",
        "cd /workspace/tree && PYTHONPATH=. timeout 60 python3.11 -u new.py | tail",
        "/workspace/env/bin/python ./new.py 2>&1",
        "cat > new.py <<'EOF'\nprint(1)\nEOF\npython /workspace/tree/new.py",
        "chmod +x new.py; ./new.py",
        "for n in 1 2; do (node new.py); done",
        "pytest -q 'tests/new.py::test_it' > log",
        "deno run new.py",
        "source ./new.py",
    ],
)
def test_a_file_that_a_command_runs_does_not_belong_to_the_change(command: str) -> None:
    assert not belongs("echo 'print(1)' > new.py", command)


@pytest.mark.parametrize(
    "command",
    [
        "cat new.py; git add ./new.py; git diff",
        "python -m py_compile new.py && ruff check new.py",
        "python -c 'import new; new.py'",
        "python other_new.py new.py",
        "python new.pyx; python renew.py",
        "grep -n def new.py",
        "tee new.py <<'EOF' >/dev/null\nx = 1\nEOF",
        "python <<'EOF' > log\nopen('new.py', 'w').write('x')\nEOF",
        "go build new.py",
    ],
)
def test_a_file_that_is_only_written_and_read_belongs_to_the_change(command: str) -> None:
    assert belongs("cat > new.py <<'EOF'\nx = 1\nEOF", command)


@pytest.mark.parametrize(
    "command",
    [
        "git diff > out.txt",
        "python repro.py >'out.txt' 2>&1; cat out.txt",
        "pytest -q 2>>logs/out.txt",
        "pytest -q 2>&1 | tee -a ./out.txt | tail",
        "python plot.py",
    ],
)
def test_the_output_of_a_program_does_not_belong_to_the_change(command: str) -> None:
    assert not belongs(command, path="out.txt")
    assert not belongs(path="out.txt")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("part", ["/sh -a ", "-/sh ", "\n", "tee ", "a/", "> ", ";./new.pyx"])
def test_a_hostile_command_is_read_in_time(part: str) -> None:
    assert belongs(f"{part * 100_000}| cat new.py")


def test_a_file_that_the_editor_only_showed_does_not_belong_to_the_change() -> None:
    shown = Observation(call_id=None, tool="edit", call="edit\npath: new.py", text="")
    edited = EditedFile(path="new.py", before_key=None)
    written = shown.model_copy(update={"edited": (edited,)})
    submitted = Observation(call_id=None, tool="submit", call="summary: Adds new.py.", text="")
    assert not belongs_to_change("new.py", [shown, submitted])
    assert belongs_to_change("new.py", [written, submitted])
