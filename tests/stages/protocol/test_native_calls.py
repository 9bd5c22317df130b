"""Native calls: names and arguments that other agents use are read as calls of our tools."""

import json

import pytest

from repository.edits.argument_names import (
    FILE_TEXT_NAMES,
    NEW_TEXT_NAMES,
    OLD_TEXT_NAMES,
    PATH_NAMES,
)
from repository.edits.readers import read_reply
from stages.propose_patch.agent.protocol import (
    TOOL_SPECS,
    ApplyEdits,
    Bash,
    Call,
    Edit,
    NeedsInfo,
    NoChangeNeeded,
    RunTests,
    Submit,
    Tool,
    read_calls,
)

from .replies import bad_calls, native_reply, native_tool, text_reply

PATCH = "*** Begin Patch\n*** Delete File: a.py\n*** End Patch"


def test_calls_of_one_reply_are_read_in_order_with_their_ids() -> None:
    reply = native_reply(("bash", {"command": "ls"}), ("submit", {"summary": "Fixed."}))

    assert read_calls(reply, "native") == (
        Call(Bash(command="ls"), "call-0"),
        Call(Submit(summary="Fixed."), "call-1"),
    )


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("bash", {"command": "ls -la"}),
        ("Bash", {"command": "ls -la", "description": "List files", "run_in_background": False}),
        ("execute_bash", {"command": "ls -la", "is_input": "false", "security_risk": "LOW"}),
        ("terminal", {"command": "ls -la", "reset": False}),
        ("run_shell_command", {"command": "ls -la", "description": "List", "is_background": True}),
        ("shell", {"command": ["bash", "-lc", "ls -la"]}),
        ("exec_command", {"cmd": "ls -la", "yield_time_ms": 1000}),
        ("container.exec", {"cmd": ["ls", "-la"]}),
        ("functions.bash:0", {"command": "ls -la"}),
        ("run_command", "ls -la"),
        ("bash", '"ls -la"'),
        ("bash", json.dumps('{"command": "ls -la"}')),
    ],
)
def test_other_shells_are_understood(name: str, arguments: object) -> None:
    assert native_tool(name, arguments) == Bash(command="ls -la")


def test_a_shells_folder_and_time_limit_are_kept() -> None:
    arguments = {"command": ["bash", "-lc", "ls\npwd"], "workdir": "a b", "timeout_ms": 300_000}

    assert native_tool("shell", arguments) == Bash(
        command="cd 'a b' || exit\nls\npwd", seconds=300.0
    )
    assert native_tool("Bash", {"command": "ls", "timeout": "120000"}) == Bash(
        command="ls", seconds=120.0
    )
    assert native_tool("execute_bash", {"command": "ls", "timeout": 600}) == Bash(
        command="ls", seconds=600.0
    )


VIEW = Edit(command="view", path="a.py", view_range=(10, 80))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("edit", {"command": "view", "path": "a.py", "view_range": [10, 80]}),
        ("str_replace_editor", {"command": "view", "path": "a.py", "view_range": "[10, 80]"}),
        ("str_replace_based_edit_tool", {"command": "view", "path": "a.py", "view_range": "10-80"}),
        ("file_editor", {"command": "view", "path": "a.py", "view_range": "10:80"}),
        ("view_file", {"file": "a.py", "lines": "L10-L80"}),
        ("view", {"path": "a.py", "view_range": ["10", "80"]}),
        ("open", {"path": "a.py", "line_range": "10,80"}),
        ("Read", {"file_path": "a.py", "offset": 10, "limit": 71}),
        ("read_file", {"absolute_path": "a.py", "start_line": "10", "end_line": 80.0}),
        ("read_file", {"target_file": "a.py", "range": {"start": 10, "end": 80}}),
    ],
)
def test_other_ways_to_view_lines_are_understood(name: str, arguments: object) -> None:
    assert native_tool(name, arguments) == VIEW


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("view_file", "a.py", Edit(command="view", path="a.py")),
        ("list_directory", {"path": "src"}, Edit(command="view", path="src")),
        ("LS", {}, Edit(command="view", path=".")),
        (
            "open",
            {"path": "a.py", "line": 7},
            Edit(command="view", path="a.py", view_range=(7, 106)),
        ),
        (
            "view",
            {"path": "a.py", "view_range": [7, -1]},
            Edit(command="view", path="a.py", view_range=(7, -1)),
        ),
        (
            "view",
            {"path": "a.py", "view_range": "7-"},
            Edit(command="view", path="a.py", view_range=(7, -1)),
        ),
        (
            "Edit",
            {"file_path": "a.py", "old_string": "x", "new_string": "y", "replace_all": "true"},
            Edit(command="str_replace", path="a.py", old_str="x", new_str="y", replace_all=True),
        ),
        (
            "replace",
            {"file_path": "a.py", "old_string": "x", "new_string": "", "expected_replacements": 1},
            Edit(command="str_replace", path="a.py", old_str="x", new_str=""),
        ),
        (
            "edit_file",
            {"path": "a.py", "old_str": ["x", "z"], "new_str": "y"},
            Edit(command="str_replace", path="a.py", old_str="x\nz", new_str="y"),
        ),
        (
            "edit",
            {"command": "str_replace", "path": "a.py", "old_str": "x", "view_range": None},
            Edit(command="str_replace", path="a.py", old_str="x"),
        ),
        (
            "Write",
            {"file_path": "a.py", "content": "x\n"},
            Edit(command="create", path="a.py", file_text="x\n"),
        ),
        (
            "create_file",
            {"path": "a.py", "file_text": ""},
            Edit(command="create", path="a.py", file_text=""),
        ),
        (
            "str_replace_based_edit_tool",
            {"command": "insert", "path": "a.py", "insert_line": "3", "insert_text": "x"},
            Edit(command="insert", path="a.py", insert_line=3, new_str="x"),
        ),
        ("undo_edit", {"path": "a.py"}, Edit(command="undo_edit", path="a.py")),
    ],
)
def test_other_editors_are_understood(name: str, arguments: object, expected: Tool) -> None:
    assert native_tool(name, arguments) == expected


REPLACED = {"path": "a.py", "old_str": "x", "new_str": "y"}
CREATED = {"path": "a.py", "file_text": "x"}


@pytest.mark.parametrize(
    ("tool", "arguments", "ours", "names"),
    [
        ("edit_file", REPLACED, "path", PATH_NAMES),
        ("edit_file", REPLACED, "old_str", OLD_TEXT_NAMES),
        ("edit_file", REPLACED, "new_str", NEW_TEXT_NAMES),
        ("create_file", CREATED, "file_text", FILE_TEXT_NAMES),
    ],
)
def test_calls_and_replies_accept_the_same_names_of_arguments(
    tool: str, arguments: dict[str, str], ours: str, names: tuple[str, ...]
) -> None:
    for name in names:
        renamed = {name if key == ours else key: value for key, value in arguments.items()}
        reply = json.dumps({"name": tool, "arguments": renamed})

        assert native_tool(tool, renamed) == native_tool(tool, arguments)
        assert len(read_reply(reply).edits) == 1, name


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("run_tests", {}, RunTests()),
        ("run_tests", "", RunTests()),
        ("run_tests", {"tests": None}, RunTests()),
        ("run_tests", {"tests": "a.py b.py"}, RunTests(tests=("a.py", "b.py"))),
        ("run_tests", {"tests": '["a.py"]'}, RunTests(tests=("a.py",))),
        ("pytest", {"paths": ["a.py::t[1, 2]"]}, RunTests(tests=("a.py::t[1, 2]",))),
        ("test", "a.py::t[x y]\nb.py", RunTests(tests=("a.py::t[x y]", "b.py"))),
        ("finish", {"message": "Fixed."}, Submit(summary="Fixed.")),
        ("attempt_completion", {"result": "Fixed."}, Submit(summary="Fixed.")),
        ("submit", {}, Submit()),
        ("bash", {"command": "submit"}, Submit()),
        ("needs_info", {"question": "Which?"}, NeedsInfo(what="Which?")),
        ("no_change_needed", {"reason": "It works."}, NoChangeNeeded(why="It works.")),
        ("apply_patch", {"input": PATCH}, ApplyEdits(text=PATCH)),
        ("apply_patch", PATCH, ApplyEdits(text=PATCH)),
        ("bash", {"command": f"apply_patch <<'EOF'\n{PATCH}\nEOF\n"}, ApplyEdits(text=PATCH)),
        ("shell", {"command": ["apply_patch", PATCH]}, ApplyEdits(text=PATCH)),
        (
            "replace_in_file",
            {"path": "a.py", "diff": "<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE"},
            ApplyEdits(text="a.py\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE"),
        ),
    ],
)
def test_other_tools_are_understood(name: str, arguments: object, expected: Tool) -> None:
    assert native_tool(name, arguments) == expected


@pytest.mark.parametrize(
    ("name", "arguments", "command"),
    [
        (
            "Grep",
            {"pattern": "def f\\(", "path": "src", "glob": "**/*.py", "output_mode": "content"},
            "grep -rnIP --exclude-dir=.git '--include=*.py' -e 'def f\\(' -- src",
        ),
        ("search_dir", {"search_term": "x"}, "grep -rnIP --exclude-dir=.git -e x -- ."),
        ("Glob", {"pattern": "**/test_*.py"}, "find . -path '*test_*.py' -not -path '*/.git/*'"),
        ("find_file", {"file_name": "a.py"}, "find . -name a.py -not -path '*/.git/*'"),
    ],
)
def test_search_tools_are_commands(name: str, arguments: object, command: str) -> None:
    assert native_tool(name, arguments) == Bash(command=command)


def test_a_list_of_replacements_is_an_edit() -> None:
    edits = [{"old_string": "x", "new_string": "y"}, {"old_string": "a", "new_string": "b"}]

    assert isinstance(native_tool("MultiEdit", {"file_path": "a.py", "edits": edits}), ApplyEdits)


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("think", {"thought": "x"}, ["no tool 'think'", "bash, edit, run_tests", "grep -rn"]),
        ("bash", '{"command": "ls', ["not valid JSON", '{"command": "grep']),
        ("bash", "[" * 100_000, ["not valid JSON"]),
        ("bash", {}, ["command: Field required"]),
        ("bash", {"command": "a\0b"}, ["null character"]),
        ("bash", {"command": "ls", "run_in_background": True}, ["run_in_background"]),
        ("bash", {"command": "x" * 100_001}, ["at most 100000"]),
        ("bash", {"command": "ls", "seconds": "long"}, ["seconds"]),
        ("edit", {"command": "insert", "path": "a.py"}, ["insert_line", '"command": "insert"']),
        ("edit", {"command": "rename", "path": "a.py"}, ["'view', 'create'"]),
        ("edit", {"command": "view", "path": "a.py", "view_range": "all"}, ["view_range"]),
        ("str_replace", {"path": "a.py", "old_str": "", "new_str": "x"}, ["old_str is empty"]),
        ("run_tests", {"tests": {"a": 1}}, ["tests"]),
        ("needs_info", {}, ["what: Field required"]),
    ],
)
def test_an_invalid_call_is_answered_with_the_reason_and_an_example(
    name: str, arguments: object, words: list[str]
) -> None:
    (bad,) = bad_calls(native_reply((name, arguments)))

    assert bad.call_id == "call-0"
    for word in [*words, "For example"]:
        assert word in bad.error
    assert len(bad.error) < 1_500


def test_a_lone_surrogate_is_replaced() -> None:
    assert native_tool("bash", '{"command": "echo \\ud800"}') == Bash(command="echo ?")


@pytest.mark.parametrize("finish_reason", ["length", "content_filter", "refusal"])
def test_no_call_of_a_reply_that_is_not_whole_is_carried_out_and_each_is_answered(
    finish_reason: str,
) -> None:
    calls = [("bash", {"command": "ls"}), ("bash", {"command": "rm -r a"})]
    answers = bad_calls(native_reply(*calls, finish_reason=finish_reason))

    assert [answer.call_id for answer in answers] == ["call-0", "call-1"]
    assert all("not whole" in answer.error for answer in answers)


def test_text_beside_native_calls_is_not_read() -> None:
    reply = native_reply(("bash", {"command": "ls"}))
    both = reply.model_copy(update={"content": "For example:\n\n```bash\nrm -r a\n```\n"})

    assert read_calls(both, "native") == read_calls(reply, "native")
    assert read_calls(text_reply(both.content), "native") == (Call(Bash(command="rm -r a"), None),)


def test_schemas_hold_only_what_every_provider_accepts() -> None:
    text = json.dumps([spec.parameters for spec in TOOL_SPECS])

    assert [spec.name for spec in TOOL_SPECS] == [
        "bash",
        "edit",
        "run_tests",
        "submit",
        "needs_info",
        "no_change_needed",
    ]
    assert '"title": "' not in text
    for word in ("anyOf", "default", "$ref", "prefixItems", "maxLength", "null"):
        assert f'"{word}"' not in text
