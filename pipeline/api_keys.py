"""The keys of the HTTP intake: their names, and what each may ask for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pipeline.job import AddressReviewJob, Job, JobRefusal, explain
from pipeline.patterns import check_pattern, matches_any

#: The owner of all keys without a name, so that such a key can be rotated.
UNNAMED = "default"
#: The owner of the jobs that the webhook queues: no key may have this name.
WEBHOOK_OWNER = "github-webhook"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_KEY = re.compile(r"[\x21-\x7e]+")
Pattern = Annotated[str, AfterValidator(check_pattern)]


class KeyLimits(BaseModel):
    """What a key may ask for. A field that is not set limits nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    repositories: tuple[Pattern, ...] | None = Field(
        None, description="patterns of the repositories"
    )
    labels: tuple[str, ...] | None = Field(None, description="labels that its jobs may set")
    reviewers: tuple[str, ...] | None = Field(None, description="reviewers that its jobs may ask")
    max_cost_usd_per_day: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="US dollars that its jobs may cost in a UTC day",
    )
    operator: bool = Field(
        False, description="sees and cancels every job, also those that were sent to the queue"
    )

    def refusal(self, job: Job) -> JobRefusal | None:
        """Return why a key with these limits may not send the job; None if it may."""
        repository = job.subject.repository
        if self.repositories is not None and not matches_any(repository, self.repositories):
            allowed = ", ".join(self.repositories) or "none"
            reason = f"this key may not ask for {repository}; its repositories: {allowed}"
            return JobRefusal(job.SUBJECT_FIELD, reason)
        if isinstance(job, AddressReviewJob):
            return None
        return _refuse_others("labels", job.options.labels, self.labels) or _refuse_others(
            "reviewers", job.options.reviewers, self.reviewers
        )


def _refuse_others(
    kind: str, requested: tuple[str, ...], allowed: tuple[str, ...] | None
) -> JobRefusal | None:
    """Refuse a name that is not among the allowed ones. GitHub ignores the case of both kinds."""
    if allowed is None:
        return None
    known = {name.lower() for name in allowed}
    for name in requested:
        if name.lower() not in known:
            names = ", ".join(allowed) or "none"
            reason = f"this key may not set {name!r}; its {kind}: {names}"
            return JobRefusal(f"options.{kind}", reason)
    return None


@dataclass(frozen=True)
class ApiKey:
    name: str
    key: str = field(repr=False)
    limits: KeyLimits


def parse_limits(value: str) -> dict[str, KeyLimits]:
    """Read the limits of keys by name from a YAML file, or from YAML that begins with ``{``.

    Raises:
        ValueError: they can't be read; the message says where and why.
    """
    import yaml

    from pipeline.yaml_files import load_yaml

    is_inline = value.lstrip().startswith("{")
    try:
        text = value if is_inline else Path(value).read_text(encoding="utf-8")
        document = load_yaml(text)
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{value} can't be read: {error}") from error
    except yaml.YAMLError as error:
        raise ValueError(f"it is not valid YAML: {' '.join(str(error).split())}") from error
    try:
        return TypeAdapter(dict[str, KeyLimits]).validate_python(document)
    except ValidationError as error:
        raise ValueError(f"{explain(error)}; write {{name: {{repositories: [...]}}}}") from error


def parse_keys(text: str, limits: Mapping[str, KeyLimits] | None = None) -> list[ApiKey]:
    """Return each entry of ``name=key,key,name=key@owner/*+owner/name,...``.

    Args:
        limits: the limits of keys by name, which an entry's own repositories are added to.

    Raises:
        ValueError: an entry (counted from 1) is wrong; the message never shows its content. Or
            ``limits`` name a key that does not exist.
    """
    by_name = dict(limits or {})
    keys: dict[str, ApiKey] = {}
    repositories: dict[str, tuple[str, ...] | None] = {}
    for number, entry in enumerate(text.split(","), 1):
        if not entry.strip():
            continue
        try:
            name, key, patterns = _parse_entry(entry.strip())
            if repositories.setdefault(name, patterns) != patterns:
                raise ValueError("another key of its name has other repositories")
            own = _with_repositories(by_name.get(name, KeyLimits()), patterns)
            if keys.setdefault(key, ApiKey(name, key, own)).name != name:
                raise ValueError("it has the same key as another name")
        except ValueError as error:
            raise ValueError(f"entry {number}: {error}") from None
    unknown = sorted(by_name.keys() - repositories.keys())
    if unknown:
        raise ValueError(f"there is no key named {', '.join(unknown)}")
    return list(keys.values())


def _parse_entry(entry: str) -> tuple[str, str, tuple[str, ...] | None]:
    """Return an entry's name, key and repositories. Raises ValueError."""
    name, is_named, rest = entry.partition("=")
    if not is_named:
        name = UNNAMED
        rest = entry
    key, has_patterns, suffix = rest.rpartition("@")
    if not has_patterns:
        key = rest
    if not key.strip("="):
        # An empty variable (name=$UNSET), or a bare key in padded base64, whose beginning would
        # appear in logs as a name.
        raise ValueError(
            "it has no key after its name; write name=key, also for a key that ends in ="
        )
    if not _NAME.fullmatch(name):
        raise ValueError("a name has up to 64 of A-Z a-z 0-9 . _ -")
    if name == WEBHOOK_OWNER:
        raise ValueError(f"{WEBHOOK_OWNER} is the owner of the webhook's jobs: choose another name")
    if not _KEY.fullmatch(key):
        raise ValueError("a key consists of visible ASCII without spaces")
    return name, key, _parse_patterns(suffix) if has_patterns else None


def _parse_patterns(suffix: str) -> tuple[str, ...]:
    patterns = tuple(suffix.split("+"))
    try:
        for pattern in patterns:
            check_pattern(pattern)
    except ValueError:
        raise ValueError(
            "after @ come the repositories that the key may ask for, owner/* or owner/name, joined"
            " by +; if the key itself contains @, write name=key@*"
        ) from None
    return patterns


def _with_repositories(limits: KeyLimits, patterns: tuple[str, ...] | None) -> KeyLimits:
    if patterns is None:
        return limits
    if limits.repositories is not None:
        raise ValueError("its repositories are also in CODING_AGENT_KEY_LIMITS; keep one of them")
    return limits.model_copy(update={"repositories": patterns})
