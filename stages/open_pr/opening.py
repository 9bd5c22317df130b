"""Opening the pull request of a branch, or adopting the one that is there."""

import logging
from collections.abc import Sequence

from pipeline.github import Forge, ForgeRefused, NewPull, PullRequest
from pipeline.job import IssueRef
from stages.open_pr.edits_of_people import keep_edits
from stages.open_pr.plans import PlannedPull

log = logging.getLogger(__name__)


def create_or_adopt(
    forge: Forge,
    ref: IssueRef,
    new: NewPull,
    ours: Sequence[PlannedPull],
    own_marker: str,
) -> PullRequest:
    """Return the branch's pull request, creating it only if there is none.

    An earlier request may have succeeded although its response was lost. An open pull request
    of the branch is updated; a closed one of this very run is left as it is. ``ours`` are the texts
    that the job has planned for it.
    """
    for existing in forge.find_pulls(ref, new.head):
        if existing.state == "open":
            return _update(forge, ref, existing, keep_edits(existing, new, ours))
        if own_marker in existing.body:
            return existing
    return forge.create_pull(ref, new)


def _update(forge: Forge, ref: IssueRef, existing: PullRequest, new: NewPull) -> PullRequest:
    """Update an open pull request. It is open even if GitHub refuses to change it."""
    try:
        return forge.update_pull(ref, existing.number, new)
    except ForgeRefused as error:
        log.warning("GitHub refused to update pull request #%d: %s", existing.number, error)
        return existing
