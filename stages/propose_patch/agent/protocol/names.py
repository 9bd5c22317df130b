"""The names of tools: ours, and those that models know from other agents.

Sources: Claude's tools (bash, text editor, Claude Code), OpenAI's Codex, Gemini CLI, Qwen Code,
OpenHands, SWE-agent, trae-agent, Cline and Cursor.
"""

import re
from dataclasses import dataclass

from stages.propose_patch.agent.protocol.tools import EditCommand

#: Characters of a tool's name that an error quotes.
MAX_NAME = 80
_PREFIX = re.compile(r"^(?:functions|function|default_api|tools|tool|mcp__\w+?__|antml)[.:]+")
_COUNTER = re.compile(r":\d{1,6}$")


@dataclass(frozen=True)
class KnownName:
    """What a name stands for."""

    tool: str
    command: EditCommand | None = None
    """The editor's command, if the name implies one."""


_BASH = (
    "bash",
    "bash_tool",
    "bash_command",
    "cmdrunaction",
    "cmd",
    "command",
    "container.exec",
    "exec",
    "exec_command",
    "execute",
    "execute_bash",
    "execute_command",
    "local_shell",
    "run",
    "run_bash",
    "run_command",
    "run_in_terminal",
    "run_shell_command",
    "run_terminal_cmd",
    "run_terminal_command",
    "sh",
    "shell",
    "shell_command",
    "terminal",
)
_EDIT = (
    "edit",
    "editor",
    "file_editor",
    "str_replace_based_edit_tool",
    "str_replace_editor",
    "text_editor",
)
_VIEW = (
    "cat",
    "list_dir",
    "list_directory",
    "list_files",
    "ls",
    "open",
    "open_file",
    "read",
    "read_file",
    "show",
    "view",
    "view_file",
)
_CREATE = (
    "create",
    "create_file",
    "new_file",
    "overwrite_file",
    "save_file",
    "write",
    "write_file",
    "write_to_file",
)
_REPLACE = (
    "edit_file",
    "multi_edit",
    "multiedit",
    "replace",
    "replace_in_file",
    "search_replace",
    "str_replace",
    "string_replace",
)
_OTHERS = {
    "run_tests": ("run_tests", "run_test", "test", "tests", "pytest"),
    "submit": (
        "submit",
        "attempt_completion",
        "complete",
        "complete_task",
        "done",
        "finish",
        "submit_patch",
        "submit_solution",
        "task_done",
    ),
    "needs_info": (
        "needs_info",
        "need_info",
        "ask_followup_question",
        "ask_user",
        "request_user_input",
    ),
    "no_change_needed": ("no_change_needed", "no_changes_needed"),
    "reply": ("reply", "answer_comment", "reply_to_comment", "reply_to_review_comment"),
    "apply_patch": ("apply_patch", "apply_diff", "applypatch", "patch"),
}


def _known_names() -> dict[str, KnownName]:
    """Return what each name stands for, by the name in lower case."""
    known = {name: KnownName("bash") for name in _BASH}
    known |= {name: KnownName("edit") for name in _EDIT}
    known |= {name: KnownName("edit", "view") for name in _VIEW}
    known |= {name: KnownName("edit", "create") for name in _CREATE}
    known |= {name: KnownName("edit", "str_replace") for name in _REPLACE}
    known |= {name: KnownName("edit", "insert") for name in ("insert", "insert_line")}
    known |= {name: KnownName("edit", "undo_edit") for name in ("undo", "undo_edit")}
    for tool, names in _OTHERS.items():
        known |= {name: KnownName(tool) for name in names}
    return known


_KNOWN = _known_names()


def plain_name(name: str) -> str:
    """Return a tool's name in lower case, without a prefix such as ``functions.``."""
    plain = name.strip()[:MAX_NAME].lower().replace("-", "_")
    return _COUNTER.sub("", _PREFIX.sub("", plain))


def find_name(name: str) -> KnownName | None:
    """Return what a tool's name stands for, whatever its case and prefix; None if unknown."""
    return _KNOWN.get(plain_name(name))
