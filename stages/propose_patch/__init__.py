"""Ask the model for a change, by one of three strategies.

Prompts are rendered from templates; every exchange is stored. A strategy is a module with one
function ``propose(task)``: ``single``, ``balanced`` and ``agent``.
"""

from stages.propose_patch.results import Proposal, Proposals, Reproduction
from stages.propose_patch.stage import Plan, ProposePatch
from stages.propose_patch.task import MAX_FEEDBACK, prompt_variables

__all__ = [
    "MAX_FEEDBACK",
    "Plan",
    "Proposal",
    "Proposals",
    "ProposePatch",
    "Reproduction",
    "prompt_variables",
]
