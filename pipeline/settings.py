"""Every setting, in one place. All come from environment variables; ``coding-agent doctor`` shows
each.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from platformdirs import user_data_dir
from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.api.keys import split_keys

ECS_VARIABLE = "ECS_CONTAINER_METADATA_URI_V4"
"""ECS sets it in every container
(https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate.html)."""

PREFIX = "CODING_AGENT_"


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
        None, description="asked where the model can't answer: overload, limits, a key"
    )
    strategy: Literal["cheap", "balanced", "agent"] = Field(
        "cheap", description="how a change is looked for"
    )
    candidates: int = Field(
        3, ge=1, le=8, description="changes proposed a round by the strategy balanced"
    )
    candidate_models: str = Field(
        "", description="models that propose them in turn, comma-separated; default: one"
    )
    temperature: float = Field(
        0.8, ge=0, le=2, description="of candidates after the first, and of a run in circles"
    )
    allowed_repositories: str = Field(
        "*", description="owner/* and owner/name patterns, comma-separated"
    )
    concurrency: int = Field(2, ge=1, le=64, description="runs at once in a worker")
    max_cost_usd: float = Field(
        2.00, gt=0, description="US dollars a run may spend, the ceiling of what a job may ask"
    )
    max_minutes: float = Field(30, gt=0, description="minutes a run may work")
    max_rounds: int = Field(4, ge=1, description="rounds a run may take")
    max_cost_usd_per_repository_day: float = Field(
        20, gt=0, description="US dollars a repository may cost in a UTC day"
    )
    max_cost_usd_per_day: float = Field(
        200, gt=0, description="US dollars the deployment may spend in a UTC day"
    )
    push: Literal["branch", "fork"] = Field(
        "branch",
        description=(
            "where fixes are pushed: a branch of the repository, or of the token's fork of it"
        ),
    )
    allowed_models: str = Field(
        "", description="models a job may ask for, comma-separated; default: the model alone"
    )
    allowed_topics: str = Field(
        "", description="SNS topics a job may ask for; default: the topic alone"
    )
    protected_paths: str = Field(
        "", description="patterns of paths that no patch may write, comma-separated"
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
            "let the tests of private repositories fetch packages, by the proxy to the index"
        ),
    )
    pythons: str = Field(
        "", description="folders with interpreters for test environments, separated by colons"
    )
    sandbox: Literal["bwrap", "uid", "auto", "none"] = Field(
        "auto", description="what isolates the tests of a repository"
    )
    sandbox_socket: Path = Field(
        Path("/run/coding-agent/sandbox.sock"), description="where the uid sandbox's helper listens"
    )
    data_dir: Path = Field(
        default_factory=_data_dir, description="store, artifacts, mirrors of this machine"
    )
    visibility_timeout: int = Field(
        120, ge=10, le=43_200, description="seconds; the heartbeat keeps extending it"
    )
    api_keys: SecretStr | None = Field(
        None, description="name=key, comma-separated; without one every HTTP call is refused"
    )
    host: str = Field("127.0.0.1", description="where the HTTP intake and /health listen")
    port: int = Field(8080, ge=0, le=65_535, description="their port; 0 takes a free one")
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

    @field_validator("store")
    @classmethod
    def _store(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(
            r"sqlite:///.+|dynamodb://[A-Za-z0-9_.-]{3,255}", value
        ):
            raise ValueError("must look like sqlite:///PATH or dynamodb://TABLE")
        return value

    @field_validator("artifacts", "templates")
    @classmethod
    def _folder_or_s3(cls, value: str | None) -> str | None:
        if (
            value is not None
            and "://" in value
            and not re.fullmatch(r"s3://[a-z0-9.-]{3,63}(/.*)?", value)
        ):
            raise ValueError("must be a folder, or look like s3://BUCKET/PREFIX")
        return value

    @field_validator("api_keys")
    @classmethod
    def _keys(cls, value: SecretStr | None) -> SecretStr | None:
        split_keys(value.get_secret_value() if value else "")
        return value

    @field_validator("github_api_url")
    @classmethod
    def _api(cls, value: str) -> str:
        parts = urlsplit(value)
        loopback = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")
        if not (parts.scheme == "https" or loopback) or not parts.hostname or "@" in parts.netloc:
            raise ValueError(
                "must be an https address (http only on loopback): the token travels there"
            )
        return value.rstrip("/")

    @field_validator("allowed_repositories")
    @classmethod
    def _patterns(cls, value: str) -> str:
        for pattern in filter(None, (part.strip() for part in value.split(","))):
            if pattern != "*" and not re.fullmatch(r"[^/\s]+/[^/\s]+", pattern):
                raise ValueError(f"{pattern!r} is neither owner/*, owner/name nor *")
        return value

    @property
    def on_ecs(self) -> bool:
        return ECS_VARIABLE in os.environ

    @property
    def store_path(self) -> Path:
        return (
            Path(self.store.removeprefix("sqlite:///"))
            if self.store
            else self.data_dir / "store.sqlite"
        )

    @property
    def artifacts_path(self) -> Path:
        return Path(self.artifacts) if self.artifacts else self.data_dir / "artifacts"

    @property
    def issue_host(self) -> str:
        """Whose issue addresses are taken: github.com, or the Enterprise host of the API."""
        host = self.github_api_url.split("://", 1)[1].split("/", 1)[0]
        loopback = host.split(":")[0] in ("127.0.0.1", "localhost")
        return "github.com" if host == "api.github.com" or loopback else host

    def listed(
        self,
        name: Literal[
            "allowed_repositories",
            "allowed_models",
            "allowed_topics",
            "candidate_models",
            "protected_paths",
        ],
    ) -> tuple[str, ...]:
        return tuple(part.strip() for part in str(getattr(self, name)).split(",") if part.strip())


class SettingsError(ValueError):
    """One line a setting: which, what is wrong, how to mend it."""


def variable(name: str) -> str:
    """The environment variable that sets a field."""
    alias = Settings.model_fields[name].validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else PREFIX + name.upper()


def read_env_file(path: Path) -> dict[str, str]:
    """A ``.env`` file's variables, laid under the process's own, so that libraries read them too.
    Gives what it set.
    """
    fresh = {k: v for k, v in dotenv_values(path).items() if v is not None and k not in os.environ}
    os.environ.update(fresh)
    return fresh


def load(overrides: Mapping[str, object] | None = None) -> Settings:
    """Read the settings from the environment; ``overrides`` (field -> value) are a command's own options.

    Raises:
        SettingsError: one line for each setting that is wrong.
    """
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError(
            "\n".join(_line(item["loc"], item["msg"]) for item in error.errors())
        ) from None


def secret_values(settings: Settings) -> list[str]:
    """Every secret of this process, for the log's redaction: our own, and the providers' keys that
    LiteLLM reads.
    """
    own = [value.get_secret_value() for _, value in settings if isinstance(value, SecretStr)]
    own += [
        key
        for _, key in split_keys(settings.api_keys.get_secret_value() if settings.api_keys else "")
    ]
    named = re.compile(r"_(API_KEY|KEY|TOKEN|SECRET|SECRET_ACCESS_KEY|PASSWORD)$")
    return own + [value for name, value in os.environ.items() if named.search(name)]


def _line(location: tuple[int | str, ...], message: str) -> str:
    name = str(location[0]) if location else ""
    shown = variable(name) if name in Settings.model_fields else name
    return f"{shown}: {message.removeprefix('Value error, ')}"
