"""The commands that show what the page leaves out."""

import shlex
from dataclasses import dataclass
from typing import Literal

from console.runs.calls import ModelCall
from pipeline.run_key import RunKey


@dataclass(frozen=True)
class Commands:
    """Command lines about one run."""

    key: RunKey

    @property
    def diff(self) -> str:
        return self._jobs("diff")

    @property
    def prompt(self) -> str:
        return self._jobs("prompt")

    def log(self, of: Literal["change", "base", "environment"]) -> str:
        return f"{self._jobs('log')} --of {of}"

    def prompt_of(self, call: ModelCall) -> str:
        """Return the command that shows the prompt and the reply of a call."""
        if call.step is not None:
            step = f"{self.prompt} --step {call.step.record.number}"
            return step if call.step.attempt == 1 else f"{step} --attempt {call.step.attempt}"
        return self.prompt if call.round is None else f"{self.prompt} --round {call.round}"

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
