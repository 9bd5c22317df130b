"""Ask the model for a change, by one of two strategies.

Prompts are rendered from templates; every exchange is stored. ``single`` asks for a change in one
reply; ``agent`` lets the model work, in one attempt or in several (``attempts``).
"""

from stages.propose_patch.base_code import EditSettings
from stages.propose_patch.follow_up import FollowUp, ReviewCheck, ReviewComment
from stages.propose_patch.results import Proposal, Proposals, Reproduction
from stages.propose_patch.stage import Plan, ProposePatch
from stages.propose_patch.task import MAX_FEEDBACK, prompt_variables

__all__ = [
    "MAX_FEEDBACK",
    "EditSettings",
    "FollowUp",
    "Plan",
    "Proposal",
    "Proposals",
    "ProposePatch",
    "Reproduction",
    "ReviewCheck",
    "ReviewComment",
    "prompt_variables",
]
