"""Decide whether a command that ended differently here had another effect on the repository.

What a test, a script or a search prints or returns is not an effect. A command that edits files of
the repository and failed in only one place has one: the commands after it see a different tree.
"""

import re

from benchmarks.replayed_commands import CommandResult
from benchmarks.shell_commands import Kind, here_documents, programs

_EDITING_KINDS: tuple[Kind, ...] = ("write", "git")
_WRITES_FILES = re.compile(
    r"""open\([^)\n]*['"](w|a|r\+|x)|\.write(_text|_bytes|lines)?\(|inplace|shutil\."""
    r"""|os\.(remove|rename|replace|unlink)|sed -i"""
)
_QUOTED_PATH = re.compile(r"""['"](?:\./)?([\w./-]+)['"]""")


class EffectTracker:
    """Follows the commands of one run, and remembers the scripts that they write."""

    def __init__(self, base_paths: frozenset[str]):
        """``base_paths``: the files of the base commit."""
        self._base_paths = base_paths
        self._scripts: dict[str, str] = {}

    def note(self, command: str) -> None:
        """Remember the files that a command writes from here-documents."""
        for path, text in here_documents(command).items():
            self._scripts[path.removeprefix("./")] = text

    def differs(self, result: CommandResult) -> bool:
        """Whether a command had an effect only in the recorded run, or only here."""
        if not result.comparable or result.succeeded_as_recorded:
            return False
        if result.kind in _EDITING_KINDS:
            return True
        return self._edits_base(result.recorded.text)

    def _edits_base(self, command: str) -> bool:
        return any(self._text_edits_base(text) for text in [command, *self._run_by(command)])

    def _run_by(self, command: str) -> list[str]:
        """Return the texts of the known scripts among a command's words."""
        texts: list[str] = []
        for program in programs(command):
            for word in program.words:
                text = self._scripts.get(word.removeprefix("./"))
                if text is not None:
                    texts.append(text)
        return texts

    def _text_edits_base(self, text: str) -> bool:
        if not _WRITES_FILES.search(text):
            return False
        quoted = {match[1] for match in _QUOTED_PATH.finditer(text)}
        return not quoted.isdisjoint(self._base_paths)
