"""The tools of the agent, and how a model's reply calls them: pure functions, no I/O."""

from stages.propose_patch.agent.protocol.calls import (
    BadCall,
    Call,
    has_edits_beside_calls,
    read_calls,
)
from stages.propose_patch.agent.protocol.examples import (
    Protocol,
    describe_text_protocol,
    describe_text_tool,
)
from stages.propose_patch.agent.protocol.tools import (
    ADVERTISED,
    REVIEW_TOOL_SPECS,
    TOOL_SPECS,
    ApplyEdits,
    Bash,
    Edit,
    NeedsInfo,
    NoChangeNeeded,
    Reply,
    RunTests,
    Submit,
    Tool,
)

__all__ = [
    "ADVERTISED",
    "REVIEW_TOOL_SPECS",
    "TOOL_SPECS",
    "ApplyEdits",
    "BadCall",
    "Bash",
    "Call",
    "Edit",
    "NeedsInfo",
    "NoChangeNeeded",
    "Protocol",
    "Reply",
    "RunTests",
    "Submit",
    "Tool",
    "describe_text_protocol",
    "describe_text_tool",
    "has_edits_beside_calls",
    "read_calls",
]
