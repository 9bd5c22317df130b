"""Commands that end differently here: the cause, the agreement, and the effect."""

import pytest

from benchmarks.effects import EffectTracker
from benchmarks.recordings import RecordedCommand
from benchmarks.replayed_commands import CAUSES, UNEXPLAINED, Agreement, CommandResult
from benchmarks.shell_commands import kind_of

NO_MOCK = "ModuleNotFoundError: No module named 'mock'"
NO_NETWORK = "socket.gaierror: [Errno -3] Temporary failure in name resolution"
NOT_WRITABLE = "/root/.cache: Permission denied"
NOT_PERMITTED = "in /root/lib/shutil.py:\nPermissionError: Permission denied: 'cache'"
NOT_ASCII = "UnicodeEncodeError: 'ascii' codec can't encode character"
EDIT = "cat > fix.py <<EOF\ntext = open('shop.py').read()\nopen('shop.py', 'w').write(text)\nEOF"
SHOW = "cat > show.py <<EOF\nopen('log', 'w').write('x')\nEOF"


def result(
    command: str, there: int | None, here: int | None, seen: str = "", output: str = ""
) -> CommandResult:
    recorded = RecordedCommand(1, command, there, seen)
    return CommandResult(recorded, kind_of(command), here, output, 0.1)


@pytest.mark.parametrize(
    ("different", "cause"),
    [
        (result("pytest", 0, None), "time limit"),
        (result("python get.py", 0, 1, output=NO_NETWORK), "network"),
        (result("pytest", 1, 0), "tests pass only here"),
        (result("rg x", 0, 127), "program missing here"),
        (result("python a.py", 1, 0, seen=NOT_ASCII), "ASCII locale there"),
        (result("python a.py", 0, 1, output=NOT_WRITABLE), "/root is not writable here"),
        (result("python a.py", 0, 1, output=NOT_PERMITTED), "commands do not run as root here"),
        (result("python a.py", 0, 1, output=NO_MOCK), "module missing here"),
        (result("pytest", 2, 1, seen=NO_MOCK), "module missing there"),
        (result("pytest", 1, 2, seen=NO_MOCK, output=NO_MOCK), "unexplained"),
        (
            result("python a.py", 0, 1, seen="in 2025:\n0\n", output="in 2026:\n1"),
            "another year here",
        ),
        (result("python a.py", 0, 1, seen="of 2025\n0\n", output="of 2025\n1"), "unexplained"),
        (result("python a.py", 0, 1, output="assert 1 == 2"), "unexplained"),
    ],
)
def test_cause_of_another_exit_code(different: CommandResult, cause: str) -> None:
    assert different.cause().name == cause


def test_every_other_difference_is_unexplained() -> None:
    assert CAUSES[-1] is UNEXPLAINED


def test_agreement_leaves_out_what_is_a_figure_of_its_own() -> None:
    results = [
        result("ls", 0, 0),
        result("python a.py", 0, 1),
        result("python get.py", 0, 1, output=NO_NETWORK),
        result("pytest", 1, 0),
        result("pytest", None, 0),
    ]
    agreement = Agreement.of(results)
    assert (agreement.same, agreement.compared) == (1, 2)


def differs(different: CommandResult, *earlier: str) -> bool:
    tracker = EffectTracker(frozenset({"shop.py"}))
    for command in [*earlier, different.recorded.text]:
        tracker.note(command)
    return tracker.differs(different)


def test_a_command_that_edits_the_repository_in_one_place_only_has_another_effect() -> None:
    assert differs(result("sed -i s/a/b/ shop.py", 0, 2))
    assert differs(result("git checkout shop.py", 1, 0))
    assert differs(result("python fix.py", 0, 1), EDIT)
    assert differs(result(f"{EDIT}\npython ./fix.py", 1, 0))


def test_what_only_prints_has_no_effect() -> None:
    assert not differs(result("python show.py", 0, 1), SHOW, EDIT)
    assert not differs(result("grep total shop.py", 0, 1))
    assert not differs(result("pytest", 1, 0))
    assert not differs(result("sed -i s/a/b/ shop.py", 1, 2))
    assert not differs(result("sed -i s/a/b/ shop.py", None, 0))
