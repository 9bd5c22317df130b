"""Template sets by hash: the published ones, the one that is current, and the one that each run
keeps.
"""

import asyncio
import json
import logging
from typing import Protocol

from pipeline import metrics
from pipeline.artifacts import Artifacts
from pipeline.errors import describe
from pipeline.stage import RunContext
from prompts import TemplateError, TemplateSet, lint

log = logging.getLogger(__name__)

CURRENT = "current"
"""Key of the hashes that were made current, newest first, one a line."""


class Templates(Protocol):
    """Where a stage gets its templates."""

    async def of(self, run: RunContext) -> TemplateSet:
        """The set that the run began with: the one that its replay names, else what was current at
        the first use.
        """
        ...


class TemplateSets:
    """Blocking, but for ``of``; safe to call from any thread.

    ``published`` holds what is published and made current; ``kept`` every set that a run began with, so that it is
    there for as long as the run, whatever becomes of the published ones. Keys are ``HASH.json`` and ``current``.
    """

    def __init__(
        self,
        kept: Artifacts,
        published: Artifacts | None = None,
        *,
        default: TemplateSet | None = None,
    ):
        """``default`` is current as long as nothing was made so: the shipped set where none is
        given.
        """
        self._kept = kept
        self._published = published or kept
        self._last_good = shipped = TemplateSet.load()
        self._default = default or shipped
        self._known = {templates.set_hash: templates for templates in (shipped, self._default)}
        self._checked: dict[str, TemplateSet] = {shipped.set_hash: shipped}

    async def of(self, run: RunContext) -> TemplateSet:
        replay = run.job.replay
        requested = replay.template_set if replay else None

        async def choose() -> str:
            return await asyncio.to_thread(self._choose, requested)

        set_hash = await run.remember("template_set", choose)
        return await asyncio.to_thread(self.get, set_hash)

    def get(self, set_hash: str) -> TemplateSet:
        """The set with this hash, without findings. Of one that was current, the beginning is enough, as pull requests
        quote it.

        Raises:
            TemplateError: it is nowhere, is not what its hash says, or has findings.
        """
        if len(set_hash) < 64:
            named = (
                known for known in (*self._known, *self._history()) if known.startswith(set_hash)
            )
            set_hash = next(named, set_hash)
        if set_hash not in self._checked:
            templates = self._read(set_hash)
            if findings := lint(templates):
                raise TemplateError(set_hash, f"{len(findings)} findings, such as {findings[0]}")
            self._checked[set_hash] = templates
        return self._checked[set_hash]

    def refusal(self, set_hash: str) -> str | None:
        """Why a replay can't have this set, in one sentence; None where it can."""
        try:
            self.get(set_hash)
        except TemplateError as error:
            return str(error)
        return None

    def current(self) -> TemplateSet:
        """The newest that was made current and can be used; where that is not the last one, an
        alarm tells so.
        """
        wanted = list[str]()
        trouble = list[str]()
        try:
            wanted = self._history() or [self._default.set_hash]
        except Exception as error:  # whatever it is: templates must not take the service down
            trouble.append(f"what is current can't be read: {describe(error)}")
        for set_hash in (*wanted, self._last_good.set_hash):
            try:
                self._last_good = self.get(set_hash)
                break
            except Exception as error:
                trouble.append(f"set {set_hash[:12]} can't be used: {describe(error)}")
        if trouble:
            log.error(
                "templates: %s; set %s stays", "; ".join(trouble), self._last_good.set_hash[:12]
            )
            metrics.templates_refused()
        return self._last_good

    def wanted(self) -> TemplateSet:
        """The set that was made current last, also where ``current`` would leave it aside.

        Raises:
            TemplateError: as ``get``. What else reading may raise passes through.
        """
        return self.get((self._history() or [self._default.set_hash])[0])

    def publish(self, templates: TemplateSet) -> str:
        """Put a set where workers find it by its hash, which is given. Twice is once."""
        self._published.put(f"{templates.set_hash}.json", _document(templates))
        return templates.set_hash

    def use(self, set_hash: str) -> None:
        """Make a published set current: runs that begin from now on take it.

        Raises:
            TemplateError: as ``get``; what was current stays.
        """
        self.get(set_hash)
        lines = [set_hash, *(line for line in self._history() if line != set_hash)]
        self._published.put(CURRENT, "".join(f"{line}\n" for line in lines[:50]).encode())

    def _choose(self, requested: str | None) -> str:
        """Choose a new run's set, and keep it for as long as the run."""
        templates = self.get(requested) if requested else self.current()
        self._kept.put(f"{templates.set_hash}.json", _document(templates))
        return templates.set_hash

    def _read(self, set_hash: str) -> TemplateSet:
        if set_hash in self._known:
            return self._known[set_hash]
        for place in dict.fromkeys((self._kept, self._published)):
            try:
                files = json.loads(place.get(f"{set_hash}.json"))
            except FileNotFoundError:
                continue
            templates = TemplateSet(files, bounded=True)
            if templates.set_hash != set_hash:
                raise TemplateError(set_hash, f"its files are another set, {templates.set_hash}")
            return templates
        raise TemplateError(
            set_hash, "no such set is published: coding-agent prompts publish FOLDER"
        )

    def _history(self) -> list[str]:
        try:
            return self._published.get(CURRENT).decode().split()
        except FileNotFoundError:
            return []


def _document(templates: TemplateSet) -> bytes:
    return json.dumps(templates.files, ensure_ascii=False, indent=1, sort_keys=True).encode()
