"""All settings. They come from environment variables; ``coding-agent doctor`` shows them."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from platformdirs import user_data_dir
from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from pipeline.api_keys import ApiKey, parse_keys, parse_limits
from pipeline.patterns import check_pattern
from pipeline.telemetry import environment_secrets

ECS_VARIABLE = "ECS_CONTAINER_METADATA_URI_V4"
"""ECS sets it in every container
(https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate.html)."""

PREFIX = "CODING_AGENT_"
CLIENT_VARIABLES = ("CODING_AGENT_URL", "CODING_AGENT_API_KEY")
"""Variables with this prefix that clients of the HTTP intake read: no settings of ours."""


MAX_VISIBILITY_TIMEOUT = 3_600
"""Seconds for which the run of a dead worker waits, at most. A live run is put back twice as long
before the 12 hours for which SQS hides a message: with 6 hours, no time to work would be left."""
MIN_WEBHOOK_SECRET = 16
"""Characters: whoever sees one signed request could find a shorter secret."""

_TABLE_PREFIX = "dynamodb://"
_STORE = re.compile(r"sqlite:///.+|dynamodb://[A-Za-z0-9_.-]{3,255}")
_S3 = re.compile(r"s3://[a-z0-9.-]{3,63}(/.*)?")
_MODEL_PRICE = re.compile(r"[^\s=]+=\d+(\.\d+)?/\d+(\.\d+)?")
_LOOPBACK = ("127.0.0.1", "localhost")


def _split(separator: str) -> BeforeValidator:
    """Return a validator that splits a variable's text, without empty parts."""

    def split(value: object) -> object:
        if not isinstance(value, str):
            return value
        parts = [part.strip() for part in value.split(separator)]
        return tuple(part for part in parts if part)

    return BeforeValidator(split)


CommaSeparated = Annotated[tuple[str, ...], NoDecode, _split(",")]
Association = Literal[
    "OWNER",
    "MEMBER",
    "COLLABORATOR",
    "CONTRIBUTOR",
    "FIRST_TIME_CONTRIBUTOR",
    "FIRST_TIMER",
    "MANNEQUIN",
    "NONE",
]
"""GitHub's values of ``author_association``
(https://docs.github.com/en/graphql/reference/enums#commentauthorassociation)."""
Associations = Annotated[tuple[Association, ...], NoDecode, _split(",")]
Folders = Annotated[tuple[Path, ...], NoDecode, _split(os.pathsep)]


def _data_dir() -> Path:
    return Path(user_data_dir("coding-agent"))


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        extra="ignore",
        env_ignore_empty=True,
        populate_by_name=True,
        allow_inf_nan=False,
    )

    queue_url: str | None = Field(
        None, description="the SQS queue to take jobs from; without it only `fix` works"
    )
    topic_arn: str | None = Field(None, description="the SNS topic for events")
    store: str | None = Field(
        None, description="sqlite:///PATH (default: in the data directory) or dynamodb://TABLE"
    )
    artifacts: str | None = Field(
        None, description="a folder (default: in the data directory) or s3://BUCKET/PREFIX"
    )
    model: str | None = Field(
        None,
        description=(
            "a LiteLLM model name; scripted:FILE or replay:DIR for a stand-in without a key"
        ),
    )
    fallback_model: str | None = Field(
        None, description="used if the model can't answer: overload, limits, a bad key"
    )
    models: Path | None = Field(
        None,
        description="a YAML file with settings of models: effort, length of replies, prices, ...",
    )
    model_prices: CommaSeparated = Field(
        (),
        description=(
            "prices of models that LiteLLM's list lacks: MODEL=INPUT/OUTPUT, in US dollars per"
            " million tokens, comma-separated"
        ),
    )
    strategy: Literal["agent", "single"] = Field(
        "agent", description="how the model looks for a change"
    )
    attempts: int = Field(
        1, ge=1, le=8, description="full runs of the agent, of which the best change is chosen"
    )
    attempt_models: CommaSeparated = Field(
        (), description="models that make the attempts in turn, comma-separated; default: one"
    )
    temperature: float = Field(
        0.8,
        ge=0,
        le=2,
        description="for further attempts with the same model, and if a run repeats itself",
    )
    allowed_repositories: CommaSeparated = Field(
        ("*",), description="owner/* and owner/name patterns, comma-separated"
    )
    concurrency: int = Field(2, ge=1, le=64, description="concurrent runs in a worker")
    max_cost_usd: float = Field(
        3.00, gt=0, description="US dollars a run may spend; a job can only ask for less"
    )
    max_minutes: float = Field(60, gt=0, description="minutes a run may work")
    max_rounds: int = Field(4, ge=1, description="rounds a run may take")
    max_reviews_per_pull: int = Field(
        5, ge=0, description="follow-ups that one pull request may get after reviews"
    )
    max_review_usd_per_pull: float = Field(
        5.00,
        gt=0,
        description="US dollars that the follow-ups of one pull request may cost together",
    )
    max_cost_usd_per_repository_day: float = Field(
        20, gt=0, description="US dollars a repository may cost in a UTC day"
    )
    max_cost_usd_per_day: float = Field(
        200, gt=0, description="US dollars the deployment may spend in a UTC day"
    )
    max_repository_mb: int = Field(
        10_000,
        ge=1,
        description=(
            "megabytes that a repository may have: all its branches by GitHub's figure, one fetch,"
            " the files of the base commit"
        ),
    )
    max_mirrors_gb: float = Field(
        15,
        gt=0,
        description=(
            "gigabytes that mirrors of repositories may take; those that no run uses are removed"
        ),
    )
    push: Literal["branch", "fork"] = Field(
        "branch",
        description=(
            "where fixes are pushed: a branch of the repository, or of the token's fork of it"
        ),
    )
    allowed_models: CommaSeparated = Field(
        (), description="models a job may ask for, comma-separated; default: only the model"
    )
    allowed_topics: CommaSeparated = Field(
        (), description="SNS topics a job may ask for; default: only the topic"
    )
    protected_paths: CommaSeparated = Field(
        (), description="patterns of paths that no patch may change, comma-separated"
    )
    comment_authors: Associations = Field(
        ("OWNER", "MEMBER", "COLLABORATOR"),
        description=(
            "whose comments the model reads besides the issue author's: GitHub's values of"
            " author_association, comma-separated"
        ),
    )
    progress_comment: bool = Field(
        False,
        description=(
            "comment on the issue or pull request when a run starts, and edit the comment when the"
            " run ends"
        ),
    )
    assigned_issues: Literal["reject", "work"] = Field(
        "reject",
        description="what happens to issues that are assigned to people, and not to this service",
    )
    max_open_pulls: int = Field(
        10, ge=1, description="pull requests of this service that are open at once in a repository"
    )
    commit_author: str | None = Field(
        None,
        description=(
            "the author of commits, Name <address>; default: the account of the token or the App"
        ),
    )
    ready_if: Literal["red to green", "suite passes"] = Field(
        "red to green",
        description=(
            "what the tests must prove at least for a pull request that is not a draft and that"
            " closes its issue"
        ),
    )
    sign_off: bool = Field(
        False,
        description=(
            "add the author's Signed-off-by to commits, for repositories that ask for the"
            " Developer Certificate of Origin"
        ),
    )
    co_author: bool = Field(
        False, description="add who asked for a change to its commit, as Co-authored-by"
    )
    page_url: str | None = Field(
        None,
        description=(
            "where maintainers see the page of a run, such as the console's https://HOST/runs:"
            " pull requests link to URL/JOB/GENERATION"
        ),
    )
    templates: str | None = Field(
        None,
        description=(
            "a folder or s3://BUCKET/PREFIX of published template sets, or a folder of templates"
        ),
    )
    fetch_for_private: bool = Field(
        False,
        description=(
            "let the tests of private repositories fetch packages through the index proxy"
        ),
    )
    pythons: Folders = Field(
        (), description="folders with interpreters for test environments, separated by colons"
    )
    sandbox: Literal["bwrap", "uid", "auto", "none"] = Field(
        "auto", description="what isolates a repository's tests"
    )
    sandbox_socket: Path = Field(
        Path("/run/coding-agent/sandbox.sock"), description="where the uid sandbox's helper listens"
    )
    data_dir: Path = Field(
        default_factory=_data_dir, description="store, artifacts, mirrors of this machine"
    )
    visibility_timeout: int = Field(
        120,
        ge=10,
        le=MAX_VISIBILITY_TIMEOUT,
        description="in seconds; the heartbeat keeps extending it",
    )
    api_keys: SecretStr | None = Field(
        None,
        description=(
            "name=key or name=key@owner/*+owner/name, comma-separated; without any, all HTTP calls"
            " are refused"
        ),
    )
    key_limits: str | None = Field(
        None,
        description="limits of API keys by name: a YAML file, or the YAML itself, {name: {...}}",
    )
    webhook_secret: SecretStr | None = Field(
        None,
        description=(
            "the secret of the webhook on GitHub, or several, comma-separated; without one,"
            " /webhook/github is off"
        ),
    )
    trigger_label: str = Field(
        "coding-agent",
        min_length=1,
        max_length=50,
        description="the label that asks for a fix of an issue, through the webhook",
    )
    host: str = Field("127.0.0.1", description="where the HTTP intake and /health listen")
    port: int = Field(8080, ge=0, le=65_535, description="their port; 0 for any free one")
    metrics: bool = Field(
        False,
        description="serve /metrics there for Prometheus, without a key, to direct requests only",
    )
    github_token: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("GITHUB_TOKEN", "github_token"),
        description="GitHub access",
    )
    github_app_id: str | None = Field(
        None,
        validation_alias=AliasChoices("GITHUB_APP_ID", "github_app_id"),
        description="GitHub access as an App",
    )
    github_app_private_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("GITHUB_APP_PRIVATE_KEY", "github_app_private_key"),
        description="the App's private key (PEM)",
    )
    github_api_url: str = Field(
        "https://api.github.com",
        validation_alias=AliasChoices("GITHUB_API_URL", "github_api_url"),
        description="GitHub's API, or GitHub Enterprise's",
    )

    @field_validator("data_dir")
    @classmethod
    def _check_data_dir(cls, value: Path) -> Path:
        for folder in (value, *value.parents):
            if folder.exists() and not folder.is_dir():
                raise ValueError(f"must be a folder, and {folder} is a file")
        return value

    @field_validator("store")
    @classmethod
    def _check_store(cls, value: str | None) -> str | None:
        if value is not None and not _STORE.fullmatch(value):
            raise ValueError("must look like sqlite:///PATH or dynamodb://TABLE")
        return value

    @field_validator("artifacts", "templates")
    @classmethod
    def _check_folder_or_s3(cls, value: str | None) -> str | None:
        if value is not None and "://" in value and not _S3.fullmatch(value):
            raise ValueError("must be a folder, or look like s3://BUCKET/PREFIX")
        return value

    @field_validator("api_keys")
    @classmethod
    def _check_keys(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parse_keys(value.get_secret_value())
        return value

    @field_validator("key_limits")
    @classmethod
    def _check_key_limits(cls, value: str | None, info: ValidationInfo) -> str | None:
        """Check the limits, and that their keys exist, unless this machine has no keys at all."""
        if value is None:
            return None
        limits = parse_limits(value)
        keys: SecretStr | None = info.data.get("api_keys")
        if keys is not None:
            parse_keys(keys.get_secret_value(), limits)
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _check_webhook_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            _split_secrets(value)
        return value

    @field_validator("model_prices")
    @classmethod
    def _check_prices(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for entry in value:
            if not _MODEL_PRICE.fullmatch(entry):
                raise ValueError(
                    f"{entry!r} is not MODEL=INPUT/OUTPUT, such as hosted_vllm/our-coder=0/0"
                )
        return value

    @field_validator("github_api_url")
    @classmethod
    def _check_api_url(cls, value: str) -> str:
        parts = urlsplit(value)
        is_loopback = parts.scheme == "http" and parts.hostname in _LOOPBACK
        is_safe = parts.scheme == "https" or is_loopback
        if not is_safe or not parts.hostname or "@" in parts.netloc:
            raise ValueError(
                "must be an https address (http only on loopback): the token is sent there"
            )
        return value.rstrip("/")

    @field_validator("commit_author")
    @classmethod
    def _check_commit_author(cls, value: str | None) -> str | None:
        if value is not None:
            from repository.git import Identity

            Identity.parse(value)
        return value

    @field_validator("page_url")
    @classmethod
    def _check_page_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        is_web_address = parts.scheme in ("http", "https") and bool(parts.hostname)
        if not is_web_address or "@" in parts.netloc or parts.query or parts.fragment:
            raise ValueError("must look like https://HOST/PATH, without a query or a password")
        return value.rstrip("/")

    @field_validator("allowed_repositories")
    @classmethod
    def _check_repository_patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            check_pattern(pattern)
        return value

    @property
    def on_ecs(self) -> bool:
        return ECS_VARIABLE in os.environ

    @property
    def store_table(self) -> str | None:
        """The name of the DynamoDB table; None if the store is a SQLite file."""
        if self.store is None or not self.store.startswith(_TABLE_PREFIX):
            return None
        return self.store.removeprefix(_TABLE_PREFIX)

    @property
    def store_path(self) -> Path:
        if self.store:
            return Path(self.store.removeprefix("sqlite:///"))
        return self.data_dir / "store.sqlite"

    @property
    def artifacts_path(self) -> Path:
        return Path(self.artifacts) if self.artifacts else self.data_dir / "artifacts"

    @property
    def issue_host(self) -> str:
        """The host whose issues are accepted: github.com, an Enterprise server, or one of GHE.com.

        The API of the last is at https://api.NAME.ghe.com, its issues are at https://NAME.ghe.com
        (https://docs.github.com/enterprise-cloud@latest/admin/data-residency).
        """
        parts = urlsplit(self.github_api_url)
        if parts.netloc == "api.github.com" or parts.hostname in _LOOPBACK:
            return "github.com"
        host = parts.netloc.lower()
        return host.removeprefix("api.") if host.endswith(".ghe.com") else host

    @property
    def priced_models(self) -> dict[str, tuple[float, float]]:
        """Model -> US dollars per million tokens of input and of output."""
        prices = {}
        for entry in self.model_prices:
            model, _, price = entry.partition("=")
            input_usd, _, output_usd = price.partition("/")
            prices[model] = (float(input_usd), float(output_usd))
        return prices

    @property
    def named_api_keys(self) -> list[ApiKey]:
        if self.api_keys is None:
            return []
        limits = parse_limits(self.key_limits) if self.key_limits else {}
        return parse_keys(self.api_keys.get_secret_value(), limits)

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """The webhook's secrets, of which several are valid while one is replaced."""
        return _split_secrets(self.webhook_secret) if self.webhook_secret is not None else ()


def _split_secrets(value: SecretStr) -> tuple[str, ...]:
    """Return the secrets of a comma-separated text. Raises ValueError if one is short, or not
    ASCII.
    """
    secrets = [secret.strip() for secret in value.get_secret_value().split(",")]
    if not value.get_secret_value().isascii():
        raise ValueError("a secret consists of ASCII characters")
    if min(len(secret) for secret in secrets) < MIN_WEBHOOK_SECRET:
        raise ValueError(
            f"each secret needs at least {MIN_WEBHOOK_SECRET} characters: make one with"
            " `openssl rand -hex 32`"
        )
    return tuple(secrets)


class SettingsError(ValueError):
    """One line for each wrong setting: its variable, what is wrong, and how to fix it."""


def variable(name: str) -> str:
    """Return the environment variable that sets a field."""
    alias = Settings.model_fields[name].validation_alias
    if isinstance(alias, AliasChoices):
        return str(alias.choices[0])
    return PREFIX + name.upper()


def variables() -> list[str]:
    """Return the environment variables of all settings."""
    return [variable(name) for name in Settings.model_fields]


def unknown_variables() -> list[str]:
    """Return the variables of the environment that look like a setting but are none."""
    known = {*variables(), *CLIENT_VARIABLES}
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)


def format_value(value: object) -> str:
    """Format a field's value as in its variable; for a secret, only say that it is set."""
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return "(set)"
    if isinstance(value, tuple):
        separator = os.pathsep if any(isinstance(part, Path) for part in value) else ","
        return separator.join(str(part) for part in value)
    return str(value)


def read_env_file(path: Path) -> dict[str, str]:
    """Add a ``.env`` file's variables to the environment, where libraries read them, too.

    Variables that are already set keep their values. Returns the added ones.
    """
    added = {}
    for name, value in dotenv_values(path).items():
        if value is not None and name not in os.environ:
            added[name] = value
    os.environ.update(added)
    return added


def load(overrides: Mapping[str, object] | None = None) -> Settings:
    """Read the settings from the environment.

    ``overrides`` (field -> value) are a command's own options.

    Raises:
        SettingsError: one line for each setting that is wrong.
    """
    options = {name: value for name, value in (overrides or {}).items() if value is not None}
    try:
        return Settings(**options)  # type: ignore[arg-type]
    except ValidationError as error:
        lines = [_describe(item["loc"], item["msg"]) for item in error.errors()]
        raise SettingsError("\n".join(lines)) from None


def secret_values(settings: Settings) -> list[str]:
    """Return every secret of this process for redaction: those of the settings, and those in the
    environment, which LiteLLM and boto3 read.
    """
    secrets = []
    for _, value in settings:
        if isinstance(value, SecretStr):
            secrets.append(value.get_secret_value())
    for entry in settings.named_api_keys:
        secrets.append(entry.key)
    secrets += settings.webhook_secrets
    return [*secrets, *environment_secrets().values()]


def _describe(location: tuple[int | str, ...], message: str) -> str:
    name = str(location[0]) if location else ""
    setting = variable(name) if name in Settings.model_fields else name
    return f"{setting}: {message.removeprefix('Value error, ')}"
