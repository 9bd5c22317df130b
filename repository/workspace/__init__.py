"""The workspace: the writable tree, home and temporary folder in which a model's commands run."""

from repository.workspace.models import (
    CommandOutput,
    FileChange,
    History,
    TreeChanges,
    WorkspaceFacts,
    WorkspaceSource,
)
from repository.workspace.testing import TestsCantRun
from repository.workspace.workspace import Workspace

__all__ = [
    "CommandOutput",
    "FileChange",
    "History",
    "TestsCantRun",
    "TreeChanges",
    "Workspace",
    "WorkspaceFacts",
    "WorkspaceSource",
]
