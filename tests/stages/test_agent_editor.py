"""The agent's editor and native calls, in the real workspace."""

from pathlib import Path

from pipeline.model.scripted import Entry
from pipeline.outcome import Outcome
from stages.propose_patch import Plan
from stages.propose_patch.agent.display import MAX_WIDTH, show_lines
from stages.propose_patch.agent.messages import MAX_OBSERVATION
from tests.stages.conversation import Client, Conversation, Prepared, block

HOST_ACCOUNTS = Path("/etc/passwd").read_text().splitlines()[0]


def call(name: str, **arguments: object) -> dict[str, object]:
    return {"name": name, "arguments": arguments}


def edit(command: str, path: str, **arguments: object) -> dict[str, object]:
    return call("edit", command=command, path=path, **arguments)


#: A call and a part of its answer, in order: later ones see what earlier ones changed.
EDITS = (
    (edit("view", "."), "`.` is a folder"),
    (edit("view", "calc.py", view_range=[5, -1]), "lines 5 to 6 of 6 (use view_range for others)"),
    (edit("view", "calc.py", view_range=[90, 99]), "has 6 lines; there are no lines"),
    (edit("view", "nothing.py"), "there is no file or folder `nothing.py`"),
    (edit("create", "lib/new.py", file_text="x = 1\n"), "+x = 1"),
    (edit("create", "lib/new.py", file_text="x = (\n"), "no longer parses"),
    (edit("insert", "lib/new.py", insert_line=1, new_str="y = 2\n"), "+y = 2"),
    (edit("insert", "lib/new.py", insert_line=9, new_str="z"), "are not in the file"),
    (edit("str_replace", "lib/new.py", old_str="= ", new_str="=="), "occurs 2 times"),
    (
        edit("str_replace", "lib/new.py", old_str="= ", new_str="=  ", replace_all=True),
        "+y =  2",
    ),
    (edit("undo_edit", "lib/new.py"), "+y = 2"),
    (edit("undo_edit", "lib/new.py"), "-y = 2"),
    (edit("undo_edit", "lib/new.py"), "-x = 1"),
    (edit("undo_edit", "lib/new.py"), "no edit of `lib/new.py` is left"),
    (edit("view", "lib/new.py"), "there is no file"),
    (edit("create", ".github/workflows/ci.yml", file_text="on: push\n"), "can't be changed"),
    (edit("str_replace", "../../x.py", old_str="a", new_str="b"), "error"),
    (
        call("bash", command="printf 'a\\r\\nb\\r\\n' > dos.py; printf 'n = \"\\351\"' > latin.py"),
        "",
    ),
    (edit("str_replace", "dos.py", old_str="a\nb", new_str="a\nc"), "+c"),
    (edit("str_replace", "latin.py", old_str="n", new_str="m"), '+m = "é"'),
    (call("bash", command="od -c dos.py latin.py | head; rm dos.py latin.py"), "351"),
    (call("bash", command="head -c 9 /dev/zero > blob; ln -s /etc/passwd link; mkfifo pipe"), ""),
    (edit("view", "blob"), "binary"),
    (edit("view", "link"), ":/bin/false"),
    (edit("view", "link"), "`link` leads to `/etc/passwd`: links are followed"),
    (edit("view", "pipe"), "error"),
    (edit("view", "/etc/passwd"), ":/bin/false"),
    (call("bash", command="head -c 2000001 /dev/zero | tr '\\0' 'x' > huge.txt"), ""),
    (edit("view", "huge.txt"), "larger than 2000000 bytes. Look at a part of it with a command"),
    (call("bash", command="echo version https://git-lfs.github.com/spec/v1 > huge.txt"), ""),
    (edit("view", "huge.txt"), "Git LFS stores its content"),
    (
        call(
            "bash", command="rm blob link pipe huge.txt; echo 1 > $TMPDIR/note; echo $TMPDIR/note"
        ),
        "/note",
    ),
    (call("bash", command="ln -s calc.py alias.py; ln -s . here; ln -s gone.py dangling"), ""),
    (edit("create", "alias.py", file_text="x = (\n"), "`alias.py` leads to `calc.py`"),
    (edit("insert", "alias.py", insert_line=0, new_str="# top"), "--- calc.py"),
    (edit("undo_edit", "calc.py"), "-# top"),
    (edit("str_replace", "here/alias.py", old_str="a * 2", new_str="2 * a"), "+++ calc.py"),
    (edit("undo_edit", "alias.py"), "`alias.py` leads to `calc.py`"),
    (edit("create", "dangling", file_text="x = 1\n"), "`dangling` leads to `gone.py`"),
    (edit("undo_edit", "dangling"), "-x = 1"),
    (
        call(
            "apply_patch",
            text=block("alias.py", "    return a - b\n", "    return a + b\n"),
        ),
        "`alias.py` leads to `calc.py`",
    ),
    (edit("undo_edit", "calc.py"), "-    return a + b"),
    (call("apply_patch", text="*** Delete File: alias.py"), "done."),
    (call("bash", command="echo ls > old.sh; chmod 755 old.sh"), "(no output)"),
    (call("apply_patch", text="*** Move File: old.sh -> bin/new.sh"), "+ls"),
    (call("apply_patch", text="*** Make Executable: calc.py"), "same as before"),
    (call("bash", command="stat -c '%a %n' bin/* calc.py old.sh"), "755 bin/new.sh\n755 calc.py"),
    (call("bash", command="rm -r bin; chmod 644 calc.py"), "(no output)"),
    (call("bash", command="rm -r here dangling; ls"), "```\ncalc.py\nlib\ntest_calc.py\n```"),
    (edit("str_replace", "calc.py", old_str="a - b", new_str="a + b"), "+    return a + b"),
)


async def test_native_calls_edit_and_view_files(tmp_path: Path, prepared: Prepared) -> None:
    half = len(EDITS) // 2
    calls = [request for request, _ in EDITS]
    submit = call("submit", summary="It adds.")
    entries = [
        Entry(tool_calls=calls[:half], times=1),
        Entry(tool_calls=calls[half:], reply="Now the rest.", times=1),
        Entry(tool_calls=[submit], times=1),
        Entry(tool_calls=[submit, call("bash", command="ls")], times=1),
    ]
    client = Client(tuple(entries))
    dialogue = Conversation(tmp_path, prepared, client, plan=Plan("agent"))
    result = await dialogue.run()
    assert result.outcome is Outcome.PROPOSED, result.reason
    last = dialogue.client.sent[-1]
    answers = [message for message in last.messages if message.role == "tool"]
    for (request, expected), answer in zip(EDITS, answers, strict=False):
        assert expected in answer.content, (request, answer.content)
        assert HOST_ACCOUNTS not in answer.content
    assert {tool.name for tool in last.tools} > {"bash", "edit", "run_tests", "submit"}
    asked = [request.id for message in last.messages for request in message.tool_calls]
    assert [answer.tool_call_id for answer in answers] == asked
    assert dialogue.artifact(result).count("diff --git") == 1


def test_what_is_not_shown_of_a_file_is_counted() -> None:
    assert f"{'x' * MAX_WIDTH}[... 7 characters of this line left out ...]" in show_lines(
        "a.py", "x" * (MAX_WIDTH + 7), None
    )
    many = show_lines("a.py", "x" * 99 + "\n" + "y\n" * MAX_OBSERVATION, None)
    assert len(many) < MAX_OBSERVATION + 500
    assert f"of {MAX_OBSERVATION + 1} (use view_range for others)" in many
    assert show_lines("a.py", "", None) == "`a.py` is empty."
