"""What a proposal may write: the deployment's word, and the repository's own in
``.coding-agent.toml``.
"""

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from repository.config import CONFIG, EditRules
from repository.edits.model import EditFailed
from repository.edits.paths import path_refusal

#: Never lifted: they decide what runs with secrets, or what this service may do.
_ALWAYS = (CONFIG, ".gitmodules")
#: A pattern without a slash is held against every part of a path, one with a slash against the
#: whole of it.
PROTECTED = {
    "CI settings": (
        ".github/actions/*",
        ".github/dependabot.yml",
        ".gitlab-ci.yml",
        ".gitlab/ci/*",
        ".circleci",
        ".travis.yml",
        ".buildkite",
        "azure-pipelines*.yml",
        "bitbucket-pipelines.yml",
        "jenkinsfile*",
        "appveyor.yml",
        ".appveyor.yml",
        ".drone.yml",
        ".woodpecker*",
        ".cirrus.yml",
        ".semaphore",
        "cloudbuild.y*ml",
        "buildspec.y*ml",
        ".pre-commit-config.yaml",
        ".husky",
    ),
    "who reviews": ("codeowners",),
    "a lock file": (
        "*.lock",
        "*.lockb",
        "*.lockfile",
        "package-lock.json",
        "npm-shrinkwrap.json",
        "pnpm-lock.yaml",
        "go.sum",
        "packages.lock.json",
    ),
    "secrets": (
        ".env",
        ".env.*",
        "*.pem",
        "*.key",
        "*.p12",
        "*.pfx",
        "*.keystore",
        "*.jks",
        "id_rsa*",
        "id_ed25519*",
        ".npmrc",
        ".pypirc",
        ".netrc",
        ".git-credentials",
        "credentials",
        "credentials.json",
        "secrets.y*ml",
    ),
    "generated": (
        "*.min.js",
        "*.min.css",
        "*.map",
        "*_pb2.py",
        "*_pb2_grpc.py",
        "*.pb.go",
        "node_modules",
        "__pycache__",
        "*.egg-info",
        "*.pyc",
    ),
}
_SAMPLES = re.compile(r"\.env\.(?:example|sample|template|dist)$")
_GENERATED = re.compile(
    r"@generated\b|code generated .{0,80}do not edit|auto-?generated .{0,80}do not (?:edit|modify)",
    re.I,
)
_HEAD = 2_000
"""Characters at a file's begin where it says that it is generated."""


class EditPolicy:
    """Whether a path may be written, and whether a change is of a size that a person reviews."""

    def __init__(self, rules: EditRules, protected: Iterable[str] = ()):
        """``protected``: the deployment's own patterns, which no repository lifts."""
        self._rules = rules
        self._deployment = tuple(protected)

    def refusal(self, path: str) -> str | None:
        """Why ``path`` may not be written; None where it may."""
        if reason := path_refusal(path):
            return reason
        if _matches(path, _ALWAYS):
            return f"policy: {path} decides what this service may do; a person has to change it"
        if pattern := _matches(path, self._deployment):
            return f"policy: the deployment protects {pattern}"
        if pattern := _matches(path, self._rules.protected):
            return f"policy: the repository's {CONFIG} protects {pattern}"
        for what, patterns in PROTECTED.items():
            if (
                _matches(path, patterns)
                and not _SAMPLES.search(path)
                and not _matches(path, self._rules.allowed)
            ):
                return f"policy: {path} is {what}, which is not edited by this service"
        return None

    def check(self, before: Mapping[str, str | None], after: Mapping[str, str | None]) -> None:
        """Raises EditFailed where the change is too large, or changes a file that says it is
        generated.
        """
        if len(after) > self._rules.max_files:
            raise EditFailed(
                f"policy: the edits change {len(after)} files; {self._rules.max_files} at most"
            )
        lines = sum(
            _changed_lines(before.get(path) or "", text or "") for path, text in after.items()
        )
        if lines > self._rules.max_lines:
            raise EditFailed(
                f"policy: the edits change {lines} lines; {self._rules.max_lines} at most"
            )
        for path in after:
            if _GENERATED.search((before.get(path) or "")[:_HEAD]) and not _matches(
                path, self._rules.allowed
            ):
                raise EditFailed(
                    f"policy: {path} says that it is generated: change what it is made from"
                )


def _matches(path: str, patterns: Iterable[str]) -> str | None:
    """The first pattern that covers the path, without regard to case: some file systems have none."""
    lowered = path.casefold()
    for pattern in patterns:
        wanted = pattern.casefold().strip("/")
        if "/" in wanted:
            if fnmatchcase(lowered, wanted) or fnmatchcase(lowered, f"{wanted}/*"):
                return pattern
        elif any(fnmatchcase(part, wanted) for part in lowered.split("/")):
            return pattern
    return None


def _changed_lines(old: str, new: str) -> int:
    """Lines that only one of the two has: what ``diff --stat`` counts, but for lines that move."""
    counts: dict[str, int] = {}
    for line in old.split("\n"):
        counts[line] = counts.get(line, 0) + 1
    for line in new.split("\n"):
        counts[line] = counts.get(line, 0) - 1
    return sum(map(abs, counts.values()))
