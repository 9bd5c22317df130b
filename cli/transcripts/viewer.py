"""Show a transcript in a terminal, one step per screen."""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass

from cli.transcripts.keys import RESIZED, keyboard
from cli.transcripts.text import heading, step_text, styled_lines
from console.visible_text import visible
from repository.counts import count
from stages.propose_patch.agent.transcript import Transcript

_ENTER_SCREEN = "\x1b[?1049h\x1b[?25l"
"""Switch to the alternate screen, and hide the cursor."""
_LEAVE_SCREEN = "\x1b[?25h\x1b[?1049l"
_CLEAR = "\x1b[H\x1b[2J"
_REVERSE = "\x1b[7m{}\x1b[0m"
_HEADER_LINES = 1
_FOOTER_LINES = 1
_HINT = "l/h next, previous step · j/k scroll · / search · ? help · q quit"
_HELP = """\
l  →  tab      next step
h  ←           previous step
j  ↓           scroll down a line
k  ↑           scroll up a line
space  d       scroll down a page
b  u           scroll up a page
g  0           first step
G  $           last step
/              search all steps for a text; enter to search, escape to cancel
n  N           next, previous match
q              quit
?              this help; any key closes it"""


@dataclass
class _Size:
    columns: int
    lines: int

    @property
    def body(self) -> int:
        return max(1, self.lines - _HEADER_LINES - _FOOTER_LINES)


class Viewer:
    """The state of the screen, which keys change."""

    def __init__(self, transcript: Transcript, columns: int, lines: int, *, color: bool):
        self.index = 0
        """The index of the step on the screen."""
        self.top = 0
        """Its first visible line."""
        self.has_quit = False
        self._transcript = transcript
        self._size = _Size(columns, lines)
        self._color = color
        self._query: str | None = None
        """The text that is being typed after ``/``; None at other times."""
        self._pattern = ""
        self._message = ""
        self._shows_help = False
        self._lines: list[str] = []
        self._render()

    def resize(self, columns: int, lines: int) -> None:
        self._size = _Size(columns, lines)
        self._render()
        self._scroll(0)

    def screen(self) -> str:
        """Return the whole screen as text with control sequences."""
        body = self._size.body
        if self._shows_help:
            lines = _HELP.split("\n")[:body]
        else:
            lines = self._lines[self.top : self.top + body]
        lines += [""] * (body - len(lines))
        header = self._fit(heading(self._transcript, self.index))
        footer = self._fit(self._footer())
        return _CLEAR + "\r\n".join([_REVERSE.format(header), *lines, _REVERSE.format(footer)])

    def press(self, key: str) -> None:
        """Perform the action of a key."""
        self._message = ""
        if self._query is not None:
            self._type(key)
        elif self._shows_help:
            self._shows_help = False
        else:
            action = self._actions().get(key)
            if action is not None:
                action()

    def _actions(self) -> dict[str, Callable[[], None]]:
        page = max(1, self._size.body - 1)
        last = len(self._transcript.steps) - 1
        actions: dict[str, Callable[[], None]] = {}

        def bind(keys: tuple[str, ...], action: Callable[[], None]) -> None:
            actions.update(dict.fromkeys(keys, action))

        bind(("l", "right", "\t"), lambda: self._go_to(self.index + 1))
        bind(("h", "left"), lambda: self._go_to(self.index - 1))
        bind(("g", "0", "home"), lambda: self._go_to(0))
        bind(("G", "$", "end"), lambda: self._go_to(last))
        bind(("j", "down", "enter"), lambda: self._scroll(1))
        bind(("k", "up"), lambda: self._scroll(-1))
        bind((" ", "d", "page down"), lambda: self._scroll(page))
        bind(("b", "u", "page up"), lambda: self._scroll(-page))
        bind(("n",), lambda: self._search(1))
        bind(("N",), lambda: self._search(-1))
        bind(("/",), self._begin_search)
        bind(("?",), self._show_help)
        bind(("q",), self._quit)
        return actions

    # Steps and lines

    def _go_to(self, index: int) -> None:
        last = len(self._transcript.steps) - 1
        if not 0 <= index <= last:
            self._message = "this is the last step" if index > last else "this is the first step"
            return
        self.index = index
        self.top = 0
        self._render()

    def _scroll(self, lines: int) -> None:
        last_top = max(0, len(self._lines) - self._size.body)
        self.top = min(max(0, self.top + lines), last_top)

    def _render(self) -> None:
        text = step_text(self._transcript, self.index)
        self._lines = styled_lines(text, self._size.columns, color=self._color)

    # Searching

    def _begin_search(self) -> None:
        self._query = ""

    def _type(self, key: str) -> None:
        query = self._query or ""
        if key == "escape":
            self._query = None
        elif key == "enter":
            self._pattern = query
            self._query = None
            self._search(1)
        elif key == "backspace":
            self._query = query[:-1]
        elif len(key) == 1 and key.isprintable():
            self._query = query + key

    def _search(self, direction: int) -> None:
        """Go to the first match in the next step that contains the pattern, or in this step."""
        if not self._pattern:
            self._message = "no search yet: press /"
            return
        steps = len(self._transcript.steps)
        for offset in range(1, steps + 1):
            index = (self.index + direction * offset) % steps
            text = step_text(self._transcript, index).plain.lower()
            if self._pattern.lower() in text:
                self._go_to(index)
                self._scroll_to_match()
                return
        self._message = f"no step contains {self._pattern!r}"

    def _scroll_to_match(self) -> None:
        for number, line in enumerate(self._lines):
            if self._pattern.lower() in line.lower():
                self._scroll(number - self._size.body // 3)
                return

    # The rest

    def _show_help(self) -> None:
        self._shows_help = True

    def _quit(self) -> None:
        self.has_quit = True

    def _footer(self) -> str:
        if self._query is not None:
            return f"/{self._query}"
        if self._message:
            return self._message
        below = max(0, len(self._lines) - self.top - self._size.body)
        more = f"{count(below, 'more line')} below · " if below and not self._shows_help else ""
        return more + _HINT

    def _fit(self, text: str) -> str:
        return visible(text)[: self._size.columns].ljust(self._size.columns)


def is_interactive() -> bool:
    """Return whether standard input and output are terminals."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def show(transcript: Transcript) -> None:
    """Show a transcript until the user quits, then restore the terminal."""
    color = not os.environ.get("NO_COLOR")
    viewer = Viewer(transcript, *shutil.get_terminal_size(), color=color)
    with keyboard() as keys:
        _write(_ENTER_SCREEN)
        try:
            while not viewer.has_quit:
                _write(viewer.screen())
                key = keys.read()
                if key == RESIZED:
                    viewer.resize(*shutil.get_terminal_size())
                else:
                    viewer.press(key)
        except KeyboardInterrupt:
            return
        finally:
            _write(_LEAVE_SCREEN)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
