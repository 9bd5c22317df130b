"""Push the branch and open the pull request, idempotently; if nothing is pushed, only propose the
patch.

The exact bytes of the commit and of the pull request's text are stored as intentions before they
are sent. A later delivery of the run carries out the stored intention, even if templates, clocks or
replies have changed since.
"""

from stages.open_pr.people import CommitPeople
from stages.open_pr.plans import PULL_REQUEST, PlannedCommit, PlannedPull
from stages.open_pr.settings import PullSettings, ReadyIf
from stages.open_pr.stage import OpenPullRequest

__all__ = [
    "PULL_REQUEST",
    "CommitPeople",
    "OpenPullRequest",
    "PlannedCommit",
    "PlannedPull",
    "PullSettings",
    "ReadyIf",
]
