"""The commands that show what the page leaves out."""

import shlex
from dataclasses import dataclass

from pipeline.run_key import RunKey


@dataclass(frozen=True)
class Commands:
    """Command lines about one run."""

    key: RunKey

    @property
    def diff(self) -> str:
        return self._jobs("diff")

    @property
    def log(self) -> str:
        return self._jobs("log")

    @property
    def prompt(self) -> str:
        return self._jobs("prompt")

    @property
    def show(self) -> str:
        return self._jobs("show")

    @property
    def tests(self) -> str:
        return self._jobs("tests")

    @property
    def transcript(self) -> str:
        return self._jobs("transcript")

    def _jobs(self, name: str) -> str:
        return f"coding-agent jobs {name} {shlex.quote(self.key.prefix)}"
