"""The rules for what a reply may write: the fixed ones, the deployment's, and the repository's own
in ``.coding-agent.toml``.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from prompts.filters import code
from repository.config import CONFIG, ConfigError, EditRules, read_edit_rules
from repository.edits.model import EditFailed
from repository.edits.protected_content import protection_by_content
from repository.edits.windows_names import windows_problem
from repository.protected_paths import Protection, protection_of

_ALWAYS_PROTECTED = (CONFIG, ".gitmodules")
"""Paths that no repository can allow: they decide what runs with secrets, or what this service may
do."""
_INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode categories of invisible characters."""
_MAX_PATH = 1_000
"""Characters."""
_MAX_NAME = 255
"""Bytes of one part of a path."""


class EditPolicy:
    """Decides whether a path may be written, and whether a change is small enough to review."""

    def __init__(
        self, rules: EditRules, protected: Iterable[str] = (), notices: tuple[str, ...] = ()
    ):
        """Combine a repository's rules with the deployment's ``protected`` patterns.

        No repository can allow the deployment's patterns. ``notices`` are sentences about the
        policy for the reviewer.
        """
        self._rules = rules
        self._deployment = tuple(protected)
        self.notices = notices

    def refusal(self, path: str, *, exists: bool = False) -> str | None:
        """Return why a path may not be written, or None if it may.

        Args:
            path: The path, relative to the repository's root.
            exists: Whether the repository already has a file with this path. Its name is then
                accepted even if Windows can't store it.
        """
        reason = _path_refusal(path, exists)
        if reason:
            return reason
        if _matching(path, _ALWAYS_PROTECTED):
            return (
                f"policy: {code(path)} decides what this service may do; only a person may"
                " change it"
            )
        pattern = _matching(path, self._deployment)
        if pattern:
            return f"policy: the deployment protects {code(pattern)}"
        pattern = _matching(path, self._rules.protected)
        if pattern:
            return f"policy: the repository's {CONFIG} protects {code(pattern)}"
        protection = protection_of(path)
        if protection is None or self._allows(path, protection):
            return None
        return _describe(path, protection)

    def check_change(
        self, before: Mapping[str, str | None], after: Mapping[str, str | None]
    ) -> None:
        """Check the size of a change, and that the content of its files permits it.

        Raises:
            EditFailed: see ``check_size`` and ``check_contents``.
        """
        self.check_size(before, after)
        self.check_contents(before, after)

    def check_size(self, before: Mapping[str, str | None], after: Mapping[str, str | None]) -> None:
        """Check the number of files and lines of a change.

        Raises:
            EditFailed: the change is too large.
        """
        if len(after) > self._rules.max_files:
            raise EditFailed(
                f"policy: the edits change {len(after)} files; at most {self._rules.max_files}"
                " are allowed"
            )
        lines = 0
        for path, text in after.items():
            lines += _count_changed_lines(before.get(path) or "", text or "")
        if lines > self._rules.max_lines:
            raise EditFailed(
                f"policy: the edits change {lines} lines; at most {self._rules.max_lines}"
                " are allowed"
            )

    def check_contents(
        self, before: Mapping[str, str | None], after: Mapping[str, str | None]
    ) -> None:
        """Check that the content of the files permits a change.

        Raises:
            EditFailed: a file is protected because of its content, such as a generated one.
        """
        for path, text in after.items():
            protection = protection_by_content(path, before.get(path), text)
            if protection is not None and not self._allows(path, protection):
                raise EditFailed(_describe(path, protection))

    def _allows(self, path: str, protection: Protection) -> bool:
        """Whether the repository allows a protected path, by a pattern or by its group's name."""
        names = [entry.casefold() for entry in self._rules.allowed]
        if protection.group.name.casefold() in names:
            return True
        return _matching(path, self._rules.allowed) is not None


def read_policy(config: str | None, protected: tuple[str, ...]) -> EditPolicy:
    """Return the policy of a repository with this ``.coding-agent.toml``.

    If the file is invalid, the default rules hold, with a notice for the reviewer.
    """
    try:
        return EditPolicy(read_edit_rules(config), protected)
    except ConfigError as error:
        notice = f"{error}. The default rules for edits were used"
        return EditPolicy(EditRules(), protected, (notice,))


def _path_refusal(path: str, exists: bool) -> str | None:
    """Return why a path is always refused, whatever the repository allows; None if it is not.

    Such a path leads out of the repository, or to git's own files, or to ``.github/workflows``,
    whose files run with the repository's secrets; GitHub refuses to let a token without the
    workflow scope push them. Or it can't be checked out on Windows.
    """
    parts = path.split("/")
    reason: str | None = None
    if any(unicodedata.category(character) in _INVISIBLE for character in path):
        reason = "it contains invisible characters"
    elif len(path) > _MAX_PATH or any(len(part.encode()) > _MAX_NAME for part in parts):
        reason = "it is too long"
    elif path.startswith(("/", "~")) or "\\" in path or ":" in path:
        reason = "write it relative to the repository's root, with forward slashes and no colon"
    elif any(part in ("", ".", "..") or part != part.strip() for part in parts):
        reason = "write it without '..', '.', empty parts, and spaces around a part"
    else:
        reason = _reserved_folder(parts)
    if reason is None and not exists:
        reason = windows_problem(parts)
    if reason is None:
        return None
    return f"the path {code(path[:200])} is refused: {reason}"


def _reserved_folder(parts: list[str]) -> str | None:
    # Some file systems ignore case, and dots and spaces at the end of a name.
    names = [part.casefold().rstrip(". ") for part in parts]
    if ".git" in names or "git~1" in names:
        return "git's own files can't be edited"
    if names[:2] == [".github", "workflows"]:
        return "workflows can't be changed by this service"
    return None


def _describe(path: str, protection: Protection) -> str:
    group = protection.group
    return (
        f"policy: {code(path)} is protected by the group {code(group.name)}"
        f" (rule {code(protection.rule)}): {group.reason}. Only the repository's owner can allow"
        f" it, with the path or {code(group.name)} under [edits] allowed in {CONFIG} on the default"
        " branch"
    )


def _matching(path: str, patterns: Iterable[str]) -> str | None:
    """Return the first pattern that covers a path, ignoring case, as some file systems do."""
    folded = path.casefold()
    for pattern in patterns:
        if _covers(pattern.casefold().strip("/"), folded):
            return pattern
    return None


def _covers(pattern: str, path: str) -> bool:
    if "/" in pattern:
        return fnmatchcase(path, pattern) or fnmatchcase(path, f"{pattern}/*")
    return any(fnmatchcase(part, pattern) for part in path.split("/"))


def _count_changed_lines(old: str, new: str) -> int:
    """Count lines that only one text has: like ``diff --stat``, but without moved lines."""
    counts = Counter(new.split("\n"))
    counts.subtract(old.split("\n"))
    return sum(abs(count) for count in counts.values())
