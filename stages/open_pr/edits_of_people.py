"""What people have changed in an open pull request of ours stays when it is updated."""

from collections.abc import Sequence
from dataclasses import replace

from pipeline.github import NewPull, PullRequest
from pipeline.github.issue_pulls import has_marker
from stages.open_pr.plans import PlannedPull


def keep_edits(existing: PullRequest, new: NewPull, ours: Sequence[PlannedPull]) -> NewPull:
    """Return the update of an open pull request: our text is replaced, and people's stays.

    Args:
        existing: as it is on GitHub.
        new: as it is to be.
        ours: all texts that this job has planned for it.
    """
    titles = {planned.title for planned in ours}
    title = new.title if existing.title in titles else existing.title
    return replace(new, title=title, body=_updated_body(existing.body, new.body, ours))


def _updated_body(existing: str, new: str, ours: Sequence[PlannedPull]) -> str:
    text = _comparable(existing)
    for planned in ours:
        own = _comparable(planned.body)
        if own in text:
            return text.replace(own, new.strip(), 1) + "\n"
    if has_marker(text):
        return existing  # somebody has edited our own words
    return f"{text}\n\n{new}" if text else new


def _comparable(body: str) -> str:
    """Return a body as we wrote it; the editor on GitHub's page changes the ends of its lines."""
    return body.replace("\r\n", "\n").strip()
