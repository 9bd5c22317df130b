"""The results of calls that used to mislead models: one conversation in the real sandbox.

The numbers are those of the list of stumbles observed before the workspace lasted. A reply's other
spellings (9) are tested with the protocol; 23, the next round's memory, is in test_agent.py.
"""

from dataclasses import dataclass
from pathlib import Path

from pipeline.model.scripted import Entry
from pipeline.outcome import Outcome, Verification
from stages.propose_patch import Plan
from tests.stages.conversation import (
    SUBMIT,
    Client,
    Conversation,
    Prepared,
    bash,
    block,
    replace,
    tool,
    view,
)

LONG = "x = '" + "y" * 900 + "'"
ENVELOPE = """*** Begin Patch
*** Update File: calc.py
@@
 def double(a):
-    return a * 2
+    return 2 * a
*** End Patch"""


@dataclass(frozen=True)
class Stumble:
    number: int
    reply: str | Entry
    shows: tuple[str, ...]
    hides: tuple[str, ...] = ()


STUMBLES = (
    Stumble(1, bash("sed -i 's/a - b/a + b/' calc.py; python -m unittest 2>&1 | tail -1"), ("OK",)),
    Stumble(1, bash("cat calc.py"), ("return a + b",)),
    Stumble(2, bash("echo 'print(40 + 2)' > $TMPDIR/try.py"), ("(no output)",)),
    Stumble(2, bash("python $TMPDIR/try.py"), ("```\n42\n```",)),
    Stumble(
        3,
        bash(
            "git diff --stat; git status --short; git log --oneline | wc -l;"
            " git stash && git stash pop"
        ),
        ("calc.py | 2 +-", " M calc.py", "\n1\n", "Saved working directory"),
        ("usage:", "not a git repository"),
    ),
    Stumble(
        4,
        bash("echo '1 hour and 33.12 seconds 0xff8800 <object at 0x7f12ab34>'; pwd"),
        ("1 hour and 33.12 seconds 0xff8800 <object at 0x7f12ab34>", "/tree\n"),
    ),
    Stumble(5, bash(f'echo "{LONG}" > $TMPDIR/long.py; cat $TMPDIR/long.py'), (LONG,)),
    Stumble(6, ENVELOPE, ("+    return 2 * a", "result of `apply_patch`"), ("error",)),
    Stumble(
        6,
        block("calc.py", "    return 2 * a\n", "    return a * 2\n"),
        ("+    return a * 2",),
        ("error",),
    ),
    Stumble(
        7,
        tool("edit", path="calc.py", old_str="a * 2", new_str="a*2"),
        ("+    return a*2",),
    ),
    Stumble(
        8,
        f"<think>{bash('echo drafted')}\n</think>\n"
        f"{view('calc.py', '1-1')}\n\n{view('test_calc.py', '1-1')}",
        ("(call 1 of 2)", "     1\tdef add(a, b):", "(call 2 of 2)", "     1\timport unittest"),
        ("drafted",),
    ),
    Stumble(10, "", ("Your reply was empty",)),
    Stumble(
        10,
        Entry(reply="Let me think", finish_reason="length", times=1),
        ("cut off at its maximum length (3 tokens",),
    ),
    Stumble(10, Entry(reply="No.", finish_reason="content_filter", times=1), ("content filter",)),
    Stumble(
        11,
        "I will reproduce it first, then write:\n\n"
        + block("calc.py", "    return a*2\n", "    return a * 2\n"),
        ("+    return a * 2", "Nothing is submitted yet"),
    ),
    Stumble(
        11,
        block("calc.py", "    return a * 2\n", "    return 2 * a\n") + "\n" + bash("cat calc.py"),
        ("return a * 2", "The edits in the text of your reply were not applied"),
    ),
    Stumble(12, "The bug is fixed.", ("call `submit`",)),
    Stumble(
        13, bash(r"grep -rnE 'def (add|double)\(' ."), ("calc.py:1:def add", "calc.py:5:def double")
    ),
    Stumble(14, view("."), ("calc.py\ntest_calc.py",)),
    Stumble(14, view("calc.py", "5:6"), ("lines 5 to 6 of 6", "     6\t    return a * 2")),
    Stumble(14, view("lib/calc.py"), ("similar paths: `calc.py`",)),
    Stumble(
        15,
        tool("run_tests", tests="test_calc.py::TestCalc::test_add"),
        ("1 test passed, 0 failed", "Failed without your changes and pass now"),
    ),
    Stumble(15, tool("run_tests", tests="."), ("2 tests passed, 0 failed",)),
    Stumble(15, tool("run_tests", tests="test_nothing.py"), ("test_nothing.py",)),
    Stumble(
        17,
        bash("head -1 $(python -c 'import calc; print(calc.__file__)')"),
        ("def add(a, b):",),
    ),
    Stumble(
        18,
        bash("set -o pipefail; diff <(echo 1) <(echo 1) &> out.txt && rm out.txt"),
        ("exit code 0",),
    ),
    Stumble(19, tool("bash", command="sleep 60", seconds=1), ("exit code 124", "1 s")),
    Stumble(20, bash("pip install no-such-package 2>&1 | tail -3"), ("no network",)),
    Stumble(21, bash("echo 1 > repro.py; python repro.py"), ("(no output)",)),
    Stumble(
        24,
        replace("calc.py", "def double(a):", "def double(a:"),
        ("no longer parses: SyntaxError", "line 5"),
    ),
    Stumble(
        25, replace("calc.py", "return a ** 2", "return 4"), ("The nearest lines", "return a * 2")
    ),
    Stumble(
        26,
        bash("sleep 99 & seq 1 9999; printf '\\033[31mred'"),
        ("characters left out", "9999", "\n1\n2\n"),
    ),
    Stumble(
        22,
        SUBMIT,
        ("Nothing uses these new files: `repro.py`", "Failed without the change and pass with it"),
    ),
)


async def test_nobody_stumbles_here_again(tmp_path: Path, prepared: Prepared) -> None:
    replies = [*(stumble.reply for stumble in STUMBLES), SUBMIT]
    entries = [
        reply if isinstance(reply, Entry) else Entry(reply=reply, times=1) for reply in replies
    ]
    dialogue = Conversation(tmp_path, prepared, Client(tuple(entries)), plan=Plan("agent"))
    result = await dialogue.run()
    assert (result.outcome, result.verification) == (Outcome.PROPOSED, Verification.RED_TO_GREEN)
    assert "repro.py" not in dialogue.artifact(result)
    messages = dialogue.client.sent[-1].messages[3:]
    answers = [message.content for message in messages if message.role == "user"]
    for stumble, answer in zip(STUMBLES, answers, strict=True):
        for text in stumble.shows:
            assert text in answer, stumble
        for text in stumble.hides:
            assert text not in answer, stumble
