"""A golden follow-up: its commit and its replies, from a run of the whole pipeline."""

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from prompts.filters import fenced, quoted
from tests.end_to_end.reviewed_pull import FOLLOW_UP, REPOSITORY, ReviewedPull
from tests.stand_ins.github import GithubStandIn
from tests.stand_ins.github.world import git

FILE = Path(__file__).parent / "follow_up.md"
COMMENTS = ("Write the result, too.", "Does it keep the sign?")


@dataclass(frozen=True)
class GoldenFollowUp:
    """A commit, and the reply to each comment."""

    message: str
    replies: tuple[str, ...]

    def to_markdown(self) -> str:
        parts = [f"# A follow-up\n\nThe commit:\n\n{fenced(self.message)}"]
        for comment, reply in zip(COMMENTS, self.replies, strict=True):
            parts.append(f"---\n\nThe reply to a comment:\n\n{quoted(comment)}\n\n{reply.strip()}")
        return "\n\n".join(parts) + "\n"


def render_follow_up() -> GoldenFollowUp:
    """Return what a review with two comments leads to; the commit's SHA is a fixed one."""
    with (
        tempfile.TemporaryDirectory() as name,
        pytest.MonkeyPatch.context() as patches,
        GithubStandIn(Path(name) / "github") as github,
    ):
        reviewed = ReviewedPull(Path(name), github, patches)
        asyncio.run(reviewed.fix())
        ids = reviewed.review(*COMMENTS)
        asyncio.run(reviewed.answer(FOLLOW_UP))
        sha = reviewed.head_sha
        shown = git(github.path(REPOSITORY), "show", "--no-patch", "--format=%B", sha)
        replies = []
        for comment_id in ids:
            (reply,) = reviewed.replies(comment_id)
            replies.append(reply.replace(sha, "c" * 40))
        return GoldenFollowUp(shown.stdout.decode().strip() + "\n", tuple(replies))
