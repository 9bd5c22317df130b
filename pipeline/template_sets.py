"""Template sets by hash: the published ones, the current one, and the one that each run uses."""

import json
import logging
from typing import Protocol

from pipeline import metrics
from pipeline.artifacts import Artifacts
from pipeline.errors import describe
from pipeline.stage import RunContext
from pipeline.threads import STORE
from prompts.lint import lint
from prompts.template_set import TemplateError, TemplateSet

log = logging.getLogger(__name__)

#: Key of the history of current sets: hashes, newest first, one per line.
CURRENT = "current"
MAX_HISTORY = 50
_SUFFIX = ".json"
_HASH_LENGTH = 64


class Templates(Protocol):
    """A stage's source of templates."""

    async def of(self, run: RunContext) -> TemplateSet:
        """Return the run's set: the one that its replay names, or the one that was current at the
        first use.
        """
        ...


class TemplateSets:
    """The template sets of a deployment. All methods except ``of`` block; all are thread-safe.

    Keys of the artifacts are ``HASH.json`` and ``current``.
    """

    def __init__(
        self,
        pinned: Artifacts,
        published: Artifacts | None = None,
        *,
        default: TemplateSet | None = None,
    ):
        """Args:
        pinned: holds a copy of every set that a run uses, independent of the published ones.
        published: holds the published sets and the history of current ones; None for ``pinned``.
        default: the current set until another one is made current; None for the shipped one.
        """
        shipped = TemplateSet.load()
        self._pinned = pinned
        self._published = published or pinned
        self._places = [self._pinned]
        """Where sets are looked for, in this order."""
        if self._published is not self._pinned:
            self._places.append(self._published)
        self._default = default or shipped
        self._last_good = shipped
        self._known = {templates.set_hash: templates for templates in (shipped, self._default)}
        self._checked: dict[str, TemplateSet] = {shipped.set_hash: shipped}

    async def of(self, run: RunContext) -> TemplateSet:
        replay = run.job.replay
        requested = replay.template_set if replay else None

        async def choose() -> str:
            return await STORE.run(self._choose, requested)

        set_hash = await run.remember("template_set", choose)
        return await STORE.run(self.get, set_hash)

    def get(self, set_hash: str) -> TemplateSet:
        """Return the set with this hash, after checking it.

        The beginning of the hash is enough if no other set has it: pull requests quote that.

        Raises:
            TemplateError: the set is not found, does not match its hash, or has lint findings; or
                several sets begin so.
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
        """Return why a replay can't use this set, in one sentence; None if it can."""
        try:
            self.get(set_hash)
        except TemplateError as error:
            return str(error)
        return None

    def current(self) -> TemplateSet:
        """Return the most recent current set that can be used.

        If the newest one can't, an alarm is raised and an older one is used: bad templates must not
        take the service down.
        """
        candidates: list[str] = []
        problems: list[str] = []
        try:
            candidates = self.history() or [self._default.set_hash]
        except Exception as error:
            problems.append(f"the current set can't be read: {describe(error)}")
        for set_hash in (*candidates, self._last_good.set_hash):
            try:
                self._last_good = self.get(set_hash)
                break
            except Exception as error:
                problems.append(f"set {set_hash[:12]} can't be used: {describe(error)}")
        if problems:
            last_good = self._last_good.set_hash[:12]
            log.error("templates: %s; using set %s", "; ".join(problems), last_good)
            metrics.log_refused_templates()
        return self._last_good

    def latest(self) -> TemplateSet:
        """Return the set that was made current last, even if ``current`` would skip it.

        Raises:
            TemplateError: as ``get``. Other read errors pass through.
        """
        history = self.history() or [self._default.set_hash]
        return self.get(history[0])

    def publish(self, templates: TemplateSet) -> str:
        """Publish a set, for workers to find by its hash, and return the hash. Idempotent."""
        self._published.put(f"{templates.set_hash}{_SUFFIX}", _document(templates))
        return templates.set_hash

    def use(self, set_hash: str) -> str:
        """Make a published set current: runs that begin from now on use it. Return its hash.

        Raises:
            TemplateError: as ``get``; the current set does not change.
        """
        full_hash = self.get(set_hash).set_hash
        earlier = [line for line in self.history() if line != full_hash]
        history = [full_hash, *earlier][:MAX_HISTORY]
        self._published.put(CURRENT, "".join(f"{line}\n" for line in history).encode())
        return full_hash

    def history(self) -> list[str]:
        """Return the hashes that were made current, newest first."""
        try:
            return self._published.get(CURRENT).decode().split()
        except FileNotFoundError:
            return []

    def hashes(self) -> list[str]:
        """Return the hashes of all sets: those that were made current, newest first, then the
        others, which were published or used by a run, or are shipped.
        """
        current_ones = self.history() or [self._default.set_hash]
        others = set(self._known)
        for place in self._places:
            others.update(_hashes_in(place, ""))
        return [*current_ones, *sorted(others - set(current_ones))]

    def _choose(self, requested: str | None) -> str:
        """Choose a new run's set, store a copy for the run, and return its hash."""
        templates = self.get(requested) if requested else self.current()
        self._pinned.put(f"{templates.set_hash}{_SUFFIX}", _document(templates))
        return templates.set_hash

    def _complete(self, set_hash: str) -> str:
        """Complete the beginning of a set's hash; return it unchanged if no set begins so.

        Raises:
            TemplateError: several do.
        """
        if len(set_hash) >= _HASH_LENGTH:
            return set_hash
        matches = {known for known in self._known if known.startswith(set_hash)}
        for place in self._places:
            matches.update(_hashes_in(place, set_hash))
        if len(matches) > 1:
            several = ", ".join(sorted(matches))
            raise TemplateError(set_hash, f"several sets begin so: {several}")
        return matches.pop() if matches else set_hash

    def _read(self, set_hash: str) -> TemplateSet:
        if set_hash in self._known:
            return self._known[set_hash]
        for place in self._places:
            try:
                document = place.get(f"{set_hash}{_SUFFIX}")
            except FileNotFoundError:
                continue
            templates = TemplateSet(json.loads(document), bounded=True)
            if templates.set_hash != set_hash:
                raise TemplateError(set_hash, f"its files have another hash, {templates.set_hash}")
            return templates
        raise TemplateError(
            set_hash, "no such set is published: coding-agent prompts publish FOLDER"
        )


def _hashes_in(place: Artifacts, beginning: str) -> list[str]:
    """Return the hashes of the sets in a place that begin so."""
    names = place.names(beginning)
    return [name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)]


def _document(templates: TemplateSet) -> bytes:
    return json.dumps(templates.files, ensure_ascii=False, indent=1, sort_keys=True).encode()
