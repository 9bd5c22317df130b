"""Which files of a repository say what it accepts."""

import pytest

from repository.ai_policy import select_policy_files
from repository.ai_policy.files import MAX_FILES


@pytest.mark.parametrize(
    "path",
    [
        "AI_POLICY.md",
        "AI-POLICY.rst",
        ".github/ai_policy.md",
        "AI_USAGE_POLICY.md",
        "AI.md",
        "LLM_POLICY.txt",
        "docs/dev/ai_policy.rst",
        "doc/contributing/ai-contributions.md",
        "doc/source/dev/conduct/ai_policy.rst",
        "CONTRIBUTING",
        "CONTRIBUTING.md",
        "contributing.rst",
        "docs/CONTRIBUTING.md",
        ".github/PULL_REQUEST_TEMPLATE.md",
        ".github/PULL_REQUEST_TEMPLATE/feature.md",
        "CODE_OF_CONDUCT.md",
        "AGENTS.md",
        "CLAUDE.md",
        ".github/copilot-instructions.md",
        "README.md",
    ],
)
def test_it_is_read(path: str) -> None:
    assert select_policy_files([path]) == [path]


@pytest.mark.parametrize(
    "path",
    [
        "docs/ai.md",
        "docs/features/llm.md",
        "src/ai_policy.py",
        "src/AI_POLICY.md",
        "packages/app/README.md",
        "CHANGELOG.md",
        "docs/tutorial/README.md",
        "ai/model.md",
    ],
)
def test_it_is_not_read(path: str) -> None:
    assert select_policy_files([path]) == []


def test_the_most_specific_files_come_first() -> None:
    paths = ["README.md", "AGENTS.md", "docs/CONTRIBUTING.md", "CONTRIBUTING.md", "AI_POLICY.md"]
    assert select_policy_files(paths) == [
        "AI_POLICY.md",
        "CONTRIBUTING.md",
        "docs/CONTRIBUTING.md",
        "AGENTS.md",
        "README.md",
    ]


def test_their_number_is_limited() -> None:
    paths = [f"docs/contributing/ai-policy-{number}.md" for number in range(MAX_FILES + 1)]
    assert len(select_policy_files(paths)) == MAX_FILES
