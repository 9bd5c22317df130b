"""Cases with known truth, made by chance: a scene in a language, with tests that mislead."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from benchmarks.verdict_projects import FAILING, Language, Project, TestFile, Trap
from benchmarks.verdict_scenes import CHANGES, PASSES, TESTED, Scene, Truth, Word, make_scene
from repository.testing.folders import Changes

_MAX_TRAPS = 3


@dataclass(frozen=True)
class Case:
    number: int
    language: Language
    change: str
    traps: tuple[Trap, ...]
    files: Mapping[str, str]
    changes: Changes
    truth: Truth


def make_case(number: int, seed: int, languages: Sequence[Language]) -> Case:
    """Return a case; the same arguments give the same case."""
    random = Random(f"{seed}-{number}")
    language = random.choice(languages)
    change = random.choice(list(CHANGES))
    scene = make_scene(change, random)
    traps = _choose_traps(language, random)
    before = language.render(_set_traps(scene.before, traps))
    after = language.render(_set_traps(scene.after, traps))
    return Case(
        number=number,
        language=language,
        change=change,
        traps=tuple(trap for _, trap in traps),
        files=before,
        changes=_difference(before, after),
        truth=truth_of(scene, language, frozenset(trap for _, trap in traps)),
    )


_Traps = tuple[tuple[str, Trap], ...]
"""Test file and its trap."""


def _choose_traps(language: Language, random: Random) -> _Traps:
    number = random.randint(0, _MAX_TRAPS)
    chosen = random.sample(sorted(language.traps), min(number, len(language.traps)))
    traps: list[tuple[str, Trap]] = []
    for trap in chosen:
        name = random.choice(TESTED)
        if trap in FAILING - {Trap.RED}:
            # In another's file, it would take away the results of all its tests.
            name = f"trap_{trap.replace(' ', '_')}"
        traps.append((name, trap))
    return tuple(traps)


def _set_traps(project: Project, traps: _Traps) -> Project:
    for name, trap in traps:
        if name in TESTED and name not in project.tests:
            continue  # the change deletes the file
        tests = project.tests.get(name, TestFile())
        project = project.with_tests(name, replace(tests, traps=(*tests.traps, trap)))
    return project


def truth_of(scene: Scene, language: Language, traps: frozenset[Trap]) -> Truth:
    """Return what may be said about a change if the project's tests contain traps."""
    truth = PASSES if scene.shown_by > language.sight else scene.truth
    if truth.best is not Word.NO_FIX and traps & FAILING:
        return Truth(
            Word.NOT_VERIFIED if truth.best is Word.SUITE_PASSES else truth.best,
            truth.also_right - {Word.SUITE_PASSES},
        )
    if truth.best is Word.SUITE_PASSES and Trap.FLAKY in traps | scene.after.traps:
        return Truth(Word.NOT_VERIFIED, frozenset({Word.SUITE_PASSES}))
    return truth


def _difference(before: Mapping[str, str], after: Mapping[str, str]) -> Changes:
    changes: dict[str, bytes | None] = {path: None for path in before if path not in after}
    for path, text in after.items():
        if before.get(path) != text:
            changes[path] = text.encode()
    return changes
