"""The tools of the agent, and how a model's reply calls them: pure functions, no I/O."""

from stages.propose_patch.agent.protocol.calls import (
    BadCall,
    Call,
    has_edits_beside_calls,
    read_calls,
)
from stages.propose_patch.agent.protocol.examples import Protocol, describe_text_protocol
from stages.propose_patch.agent.protocol.tools import (
    ADVERTISED,
    TOOL_SPECS,
    ApplyEdits,
    Bash,
    Edit,
    NeedsInfo,
    NoChangeNeeded,
    RunTests,
    Submit,
    Tool,
)

__all__ = [
    "ADVERTISED",
    "TOOL_SPECS",
    "ApplyEdits",
    "BadCall",
    "Bash",
    "Call",
    "Edit",
    "NeedsInfo",
    "NoChangeNeeded",
    "Protocol",
    "RunTests",
    "Submit",
    "Tool",
    "describe_text_protocol",
    "has_edits_beside_calls",
    "read_calls",
]
