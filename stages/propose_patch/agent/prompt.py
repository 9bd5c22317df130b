"""The variables of the agent's prompt that describe its workspace, its limits and its tools."""

from dataclasses import asdict, dataclass
from typing import Any

from repository.workspace import WorkspaceFacts
from stages.propose_patch.agent.protocol import Protocol, describe_text_protocol


@dataclass(frozen=True)
class PromptLimits:
    """Limits of the whole task, which stay the same so that the prompt never changes."""

    steps: int
    """Replies in a round."""
    command_seconds: int
    """Default time limit of a command."""
    minutes: int
    usd: float


def agent_variables(
    facts: WorkspaceFacts, limits: PromptLimits, protocol: Protocol
) -> dict[str, Any]:
    """Return the variables that only ``agent_system`` has."""
    return {
        "facts": {
            "tree": str(facts.tree),
            "home": str(facts.home),
            "temporary": str(facts.temporary),
            "tmp_lasts": facts.tmp_lasts,
            "python": facts.python,
            "runner": facts.runner,
            "history": facts.history,
            "programs": facts.programs,
        },
        "limits": asdict(limits),
        "protocol": protocol,
        "text_protocol": describe_text_protocol() if protocol == "text" else "",
    }
