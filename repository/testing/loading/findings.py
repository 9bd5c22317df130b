"""What loading and running a repository's tests showed, kept for its next run on this machine."""

import hashlib
import uuid
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from repository.testing.detect.own_modules import OwnModules
from repository.testing.install.cache_entries import repository_folder
from repository.testing.install.dates import month_end
from repository.testing.models import Addition, Recipe

#: They are those of the commit; everything else determines what the tests need.
_OF_THE_COMMIT = {"base_sha", "committed_at", "version", "runner", "additions"}


class Findings(BaseModel):
    """Changes to a recipe that its files do not state."""

    model_config = ConfigDict(frozen=True)

    python: str
    packages: Literal["month", "day", "later"]
    additions: tuple[Addition, ...]
    tolerated_warnings: tuple[str, ...]
    alternatives_tried: bool = False
    """Whether other environments were tried because the base was largely red."""

    @classmethod
    def of(cls, recipe: Recipe, *, alternatives_tried: bool) -> "Findings":
        return cls(
            alternatives_tried=alternatives_tried,
            python=recipe.python,
            packages=recipe.packages,
            additions=recipe.additions,
            tolerated_warnings=recipe.tolerated_warnings,
        )

    def apply(self, recipe: Recipe, own: OwnModules) -> Recipe:
        """Return a recipe with these changes, for a commit with its ``own`` modules.

        A guess of an earlier commit that is a module by now is left out: the index has only a
        stranger's.
        """
        additions: list[Addition] = []
        for addition in self.additions:
            if not addition.is_guess or not own.include(addition.requirement):
                additions.append(addition)
        return recipe.model_copy(
            update={
                "python": self.python,
                "packages": self.packages,
                "additions": tuple(additions),
                "tolerated_warnings": self.tolerated_warnings,
            }
        )


class FindingsStore:
    """The findings of one repository, by everything in the recipe but the commit itself.

    Of the commit, its month counts: packages are as of that month.
    """

    def __init__(self, cache: Path, recipe: Recipe):
        fields = recipe.model_dump_json(exclude=_OF_THE_COMMIT)
        month = month_end(recipe.committed_at).isoformat()
        name = hashlib.sha256(f"{month}\n{fields}".encode()).hexdigest()[:32]
        self._file = repository_folder(cache, recipe.repository) / "findings" / f"{name}.json"

    def read(self) -> Findings | None:
        """Return the findings; None if this machine has none, or those of another release."""
        if not self._file.exists():
            return None
        try:
            return Findings.model_validate_json(self._file.read_text())
        except ValidationError:
            return None

    def write(self, findings: Findings) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        new = self._file.with_suffix(f".{uuid.uuid4().hex[:8]}")  # of other runs, too
        new.write_text(findings.model_dump_json())
        new.replace(self._file)
