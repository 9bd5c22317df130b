"""What a reply may write: the fixed rules, the deployment's, and the repository's own in
``.coding-agent.toml``.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from repository.config import CONFIG, ConfigError, EditRules, read_edit_rules
from repository.edits.model import EditFailed

_ALWAYS_PROTECTED = (CONFIG, ".gitmodules")
"""Never lifted: they decide what runs with secrets, or what this service may do."""
_PROTECTED = {
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
    "a list of reviewers": ("codeowners",),
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
"""Patterns by kind. One without a slash is compared with every part of a path, one with a slash
with the whole path."""
_SAMPLES = re.compile(r"\.env\.(?:example|sample|template|dist)$")
_GENERATED = re.compile(
    r"@generated\b|code generated .{0,80}do not edit|auto-?generated .{0,80}do not (?:edit|modify)",
    re.I,
)
_HEAD = 2_000
"""Characters at a file's beginning in which it can say that it is generated."""
_INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode categories of characters that do not show."""
_MAX_PATH = 1_000
"""Characters."""
_MAX_NAME = 255
"""Bytes of one part of a path."""


class EditPolicy:
    """Whether a path may be written, and whether a change is of a size that a person reviews."""

    def __init__(
        self, rules: EditRules, protected: Iterable[str] = (), notices: tuple[str, ...] = ()
    ):
        """Combine a repository's rules with the deployment's patterns, which no repository lifts.

        ``notices`` are sentences about the policy that a reviewer must read.
        """
        self._rules = rules
        self._deployment = tuple(protected)
        self.notices = notices

    def refusal(self, path: str) -> str | None:
        """Return why a path may not be written; None where it may."""
        reason = _path_refusal(path)
        if reason:
            return reason
        if _matching(path, _ALWAYS_PROTECTED):
            return f"policy: {path} decides what this service may do; a person has to change it"
        pattern = _matching(path, self._deployment)
        if pattern:
            return f"policy: the deployment protects {pattern}"
        pattern = _matching(path, self._rules.protected)
        if pattern:
            return f"policy: the repository's {CONFIG} protects {pattern}"
        kind = _protected_kind(path)
        if kind and not _matching(path, self._rules.allowed):
            return f"policy: {path} is {kind}, which is not edited by this service"
        return None

    def check_change(
        self, before: Mapping[str, str | None], after: Mapping[str, str | None]
    ) -> None:
        """Check the size of a change, and that no file of it says that it is generated.

        Raises:
            EditFailed: the change is too large, or changes a generated file.
        """
        if len(after) > self._rules.max_files:
            raise EditFailed(
                f"policy: the edits change {len(after)} files; {self._rules.max_files} at most"
            )
        lines = 0
        for path, text in after.items():
            lines += _count_changed_lines(before.get(path) or "", text or "")
        if lines > self._rules.max_lines:
            raise EditFailed(
                f"policy: the edits change {lines} lines; {self._rules.max_lines} at most"
            )
        for path in after:
            if _is_generated(before.get(path)) and not _matching(path, self._rules.allowed):
                raise EditFailed(
                    f"policy: {path} says that it is generated: change what it is generated from"
                )


def read_policy(config: str | None, protected: tuple[str, ...]) -> EditPolicy:
    """Return the policy of a repository with this ``.coding-agent.toml``.

    A file that can't be used leaves the default rules, and a notice for the reviewer.
    """
    try:
        return EditPolicy(read_edit_rules(config), protected)
    except ConfigError as error:
        notice = f"{error}. The default rules for edits were used"
        return EditPolicy(EditRules(), protected, (notice,))


def _path_refusal(path: str) -> str | None:
    """Return why no repository may allow a path; None where it may.

    Such a path leads out of the repository, into git's own files, or into what runs with secrets:
    GitHub refuses a push of ``.github/workflows`` by a token without the workflow scope, and what
    is there runs with the repository's secrets.
    """
    parts = path.split("/")
    reason = None
    if any(unicodedata.category(character) in _INVISIBLE for character in path):
        reason = "it holds characters that don't show"
    elif len(path) > _MAX_PATH or any(len(part.encode()) > _MAX_NAME for part in parts):
        reason = "it is too long"
    elif path.startswith(("/", "~")) or "\\" in path or ":" in path:
        reason = "write it relative to the repository's root, with forward slashes and no colon"
    elif any(part in ("", ".", "..") or part != part.strip() for part in parts):
        reason = "write it without '..', '.', empty parts, and spaces at their ends"
    else:
        reason = _reserved_folder(parts)
    if reason is None:
        return None
    return f"the path {path[:200]!r} is refused: {reason}"


def _reserved_folder(parts: list[str]) -> str | None:
    # Some file systems ignore case, and dots and spaces at the end of a name.
    names = [part.casefold().rstrip(". ") for part in parts]
    if ".git" in names or "git~1" in names:
        return "git's own files can't be edited"
    if names[:2] == [".github", "workflows"]:
        return "workflows can't be changed by this service"
    return None


def _protected_kind(path: str) -> str | None:
    """Return what makes a path protected by default; None where it is not."""
    if _SAMPLES.search(path):
        return None
    for kind, patterns in _PROTECTED.items():
        if _matching(path, patterns):
            return kind
    return None


def _matching(path: str, patterns: Iterable[str]) -> str | None:
    """Return the first pattern that covers a path, in any case: some file systems ignore it."""
    folded = path.casefold()
    for pattern in patterns:
        if _covers(pattern.casefold().strip("/"), folded):
            return pattern
    return None


def _covers(pattern: str, path: str) -> bool:
    if "/" in pattern:
        return fnmatchcase(path, pattern) or fnmatchcase(path, f"{pattern}/*")
    return any(fnmatchcase(part, pattern) for part in path.split("/"))


def _is_generated(text: str | None) -> bool:
    return _GENERATED.search((text or "")[:_HEAD]) is not None


def _count_changed_lines(old: str, new: str) -> int:
    """Count lines that only one text has: what ``diff --stat`` counts, but for moved lines."""
    counts = Counter(new.split("\n"))
    counts.subtract(old.split("\n"))
    return sum(abs(count) for count in counts.values())
