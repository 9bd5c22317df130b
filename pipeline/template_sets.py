"""Template sets by hash: the published ones, the current one, and the one that each run keeps."""

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

#: Key of the hashes that were made current, newest first, one a line.
CURRENT = "current"
MAX_HISTORY = 50
_HASH_LENGTH = 64


class Templates(Protocol):
    """Where a stage gets its templates."""

    async def of(self, run: RunContext) -> TemplateSet:
        """Return the run's set: the one that its replay names, else the one that was current at
        the first use.
        """
        ...


class TemplateSets:
    """The sets of a deployment. All methods but ``of`` block; safe to call from any thread.

    Keys of the artifacts are ``HASH.json`` and ``current``.
    """

    def __init__(
        self,
        pinned: Artifacts,
        published: Artifacts | None = None,
        *,
        default: TemplateSet | None = None,
    ):
        """Open the sets.

        Args:
            pinned: every set that a run began with, so that it is there for as long as the run,
                whatever becomes of the published ones.
            published: what is published and made current; None: it is in ``pinned``, too.
            default: current as long as nothing was made so; None: the shipped set.
        """
        shipped = TemplateSet.load()
        self._pinned = pinned
        self._published = published or pinned
        self._default = default or shipped
        self._last_good = shipped
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
        """Return the set with this hash; it has no findings.

        Of a set that was current, the beginning of the hash is enough: pull requests quote that.

        Raises:
            TemplateError: the set is nowhere, is not what its hash says, or has findings.
        """
        full_hash = self._complete(set_hash)
        if full_hash not in self._checked:
            templates = self._read(full_hash)
            findings = lint(templates)
            if findings:
                raise TemplateError(full_hash, f"{len(findings)} findings, such as {findings[0]}")
            self._checked[full_hash] = templates
        return self._checked[full_hash]

    def refusal(self, set_hash: str) -> str | None:
        """Return why a replay can't have this set, in one sentence; None where it can."""
        try:
            self.get(set_hash)
        except TemplateError as error:
            return str(error)
        return None

    def current(self) -> TemplateSet:
        """Return the newest set that was made current and can be used.

        Where that is not the last one, an alarm says so: templates must not take the service down.
        """
        candidates: list[str] = []
        problems: list[str] = []
        try:
            candidates = self._history() or [self._default.set_hash]
        except Exception as error:
            problems.append(f"what is current can't be read: {describe(error)}")
        for set_hash in (*candidates, self._last_good.set_hash):
            try:
                self._last_good = self.get(set_hash)
                break
            except Exception as error:
                problems.append(f"set {set_hash[:12]} can't be used: {describe(error)}")
        if problems:
            last_good = self._last_good.set_hash[:12]
            log.error("templates: %s; set %s stays", "; ".join(problems), last_good)
            metrics.templates_refused()
        return self._last_good

    def latest(self) -> TemplateSet:
        """Return the set that was made current last, even where ``current`` would pass it over.

        Raises:
            TemplateError: as ``get``. Other errors of reading pass through.
        """
        history = self._history() or [self._default.set_hash]
        return self.get(history[0])

    def publish(self, templates: TemplateSet) -> str:
        """Put a set where workers find it by its hash, and return the hash. Twice is once."""
        self._published.put(f"{templates.set_hash}.json", _document(templates))
        return templates.set_hash

    def use(self, set_hash: str) -> None:
        """Make a published set current: runs that begin from now on take it.

        Raises:
            TemplateError: as ``get``; what was current stays.
        """
        self.get(set_hash)
        earlier = [line for line in self._history() if line != set_hash]
        history = [set_hash, *earlier][:MAX_HISTORY]
        self._published.put(CURRENT, "".join(f"{line}\n" for line in history).encode())

    def _choose(self, requested: str | None) -> str:
        """Choose a new run's set, keep it for as long as the run, and return its hash."""
        templates = self.get(requested) if requested else self.current()
        self._pinned.put(f"{templates.set_hash}.json", _document(templates))
        return templates.set_hash

    def _complete(self, set_hash: str) -> str:
        """Return the whole hash of a set that is known or was current."""
        if len(set_hash) >= _HASH_LENGTH:
            return set_hash
        for known in (*self._known, *self._history()):
            if known.startswith(set_hash):
                return known
        return set_hash

    def _read(self, set_hash: str) -> TemplateSet:
        if set_hash in self._known:
            return self._known[set_hash]
        places = [self._pinned]
        if self._published is not self._pinned:
            places.append(self._published)
        for place in places:
            try:
                document = place.get(f"{set_hash}.json")
            except FileNotFoundError:
                continue
            templates = TemplateSet(json.loads(document), bounded=True)
            if templates.set_hash != set_hash:
                raise TemplateError(set_hash, f"its files are another set, {templates.set_hash}")
            return templates
        raise TemplateError(
            set_hash, "no such set is published: coding-agent prompts publish FOLDER"
        )

    def _history(self) -> list[str]:
        """Return the hashes that were made current, newest first."""
        try:
            return self._published.get(CURRENT).decode().split()
        except FileNotFoundError:
            return []


def _document(templates: TemplateSet) -> bytes:
    return json.dumps(templates.files, ensure_ascii=False, indent=1, sort_keys=True).encode()
