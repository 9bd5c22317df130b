"""The rounds of a run: what was proposed in each, and how it ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationError

from console.runs.source import RunSource
from pipeline.stage import RoundNote
from pipeline.store.contract import Round
from stages.apply_patch import ApplyPatch, Candidate, Candidates
from stages.propose_patch import Proposals
from stages.propose_patch.results import STAGE as PROPOSE_PATCH
from stages.propose_patch.round_note import SentBack, SentBackNote
from stages.run_tests import RunTests, Verdict

Fate = Literal["chosen", "sent back", "not chosen", "no verdict yet"]


@dataclass(frozen=True)
class ProposedChange:
    """A candidate of a round."""

    number: int
    """From 1, within the round."""
    attempt: int
    """The agent's attempt that made it; 1 for the strategy ``single``."""
    model: str
    summary: str
    """The model's own words: untrusted."""
    notices: tuple[str, ...]
    """Sentences about the change that a reviewer must read."""
    paths: tuple[str, ...]
    patch_key: str
    """Artifact: the diff, byte for byte as ``git apply`` takes it."""
    patch: str | None
    """The diff as text; None if the artifact is gone."""
    fate: Fate
    failing: tuple[str, ...] = ()
    """Of one that was sent back: the first tests that count against it."""
    failing_count: int = 0
    """How many tests count against it."""
    log_key: str | None = None
    """Artifact: the output of the tests with it, if it was sent back."""


@dataclass(frozen=True)
class RoundReport:
    """One pass through propose, apply and test."""

    number: int
    reason: str
    """Why it was opened: the feedback to the model. Empty for the first."""
    changes: tuple[ProposedChange, ...]
    """What applied to the base commit."""
    verdict: Verdict | None
    """What the tests said of the chosen change; None if the round has none."""
    sent_back: str
    """Why it ended without a verdict: the feedback to the next round; empty otherwise."""
    summary: str
    """The same in a sentence for a person."""

    @property
    def chosen(self) -> ProposedChange | None:
        return next((change for change in self.changes if change.fate == "chosen"), None)


def read_rounds(source: RunSource) -> tuple[RoundReport, ...]:
    """Return the rounds, the first one included, oldest first."""
    opened = {1: Round(1, "", ""), **{round_.number: round_ for round_ in source.rounds}}
    rounds: list[RoundReport] = []
    for number in sorted(opened):
        following = opened.get(number + 1)
        verdict = source.result_of_round(RunTests.name, Verdict, number)
        rounds.append(
            RoundReport(
                number=number,
                reason=opened[number].because,
                changes=_read_changes(source, number, verdict, following),
                verdict=verdict,
                sent_back=following.because if following is not None else "",
                summary=summarize(following) if following is not None else "",
            )
        )
    return tuple(rounds)


def find_change(rounds: Sequence[RoundReport]) -> ProposedChange | None:
    """Return the chosen change of the newest round that has one; else the newest change."""
    for round_ in reversed(rounds):
        if round_.chosen is not None:
            return round_.chosen
    for round_ in reversed(rounds):
        if round_.changes:
            return round_.changes[-1]
    return None


def summarize(opened: Round) -> str:
    """Return in a sentence why a round was opened; it may hold names from the repository."""
    try:
        note = RoundNote.model_validate(opened.note)
    except ValidationError:  # from another version
        note = RoundNote()
    return note.summary or opened.because.strip().partition("\n")[0]


def _read_changes(
    source: RunSource, number: int, verdict: Verdict | None, following: Round | None
) -> tuple[ProposedChange, ...]:
    candidates = source.result_of_round(ApplyPatch.name, Candidates, number)
    if candidates is None:
        return ()
    proposals = source.result_of_round(PROPOSE_PATCH, Proposals, number)
    sent_back = _candidates_sent_back(following)
    changes: list[ProposedChange] = []
    for index, candidate in enumerate(candidates.candidates):
        proposal = proposals.proposals[candidate.proposal] if proposals is not None else None
        returned = sent_back.get(candidate.tree)
        change = ProposedChange(
            number=index + 1,
            attempt=proposal.attempt if proposal is not None else 1,
            model=proposal.model if proposal is not None else "",
            summary=candidate.summary,
            notices=candidate.notices,
            paths=candidate.paths,
            patch_key=candidate.patch_key,
            patch=source.read_text(candidate.patch_key),
            fate=_fate(index, candidate, verdict, sent_back),
            failing=returned.failing if returned is not None else (),
            failing_count=returned.failing_count if returned is not None else 0,
            log_key=returned.log_key if returned is not None else None,
        )
        changes.append(change)
    return tuple(changes)


def _candidates_sent_back(following: Round | None) -> dict[str, SentBack]:
    """Return the candidates that were sent back when the next round was opened, by their trees."""
    if following is None:
        return {}
    try:
        note = SentBackNote.model_validate(following.note)
    except ValidationError:  # from another version
        return {}
    return {candidate.tree: candidate for candidate in note.candidates}


def _fate(
    index: int, candidate: Candidate, verdict: Verdict | None, sent_back: dict[str, SentBack]
) -> Fate:
    if verdict is not None:
        return "chosen" if index == verdict.candidate else "not chosen"
    return "sent back" if candidate.tree in sent_back else "no verdict yet"
