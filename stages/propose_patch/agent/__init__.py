"""The strategy ``agent``: a loop in which the model works in a persistent workspace.

    reply ──read_calls──▶ calls, in order ──workspace──▶ observations ──stored──▶ next request

The proposed change is the difference between the workspace's tree and the base commit. It passes
the same policy and checks as a reply's edits, and is tested on a fresh tree.
"""

from stages.propose_patch.agent.limits import MAX_STEPS, MINUTES_SHARE
from stages.propose_patch.agent.strategy import propose

__all__ = ["MAX_STEPS", "MINUTES_SHARE", "propose"]
