"""Messages about missing settings and packages, the same in ``doctor`` and all other commands."""

from dataclasses import dataclass
from importlib.util import find_spec

from cli.installation import install_command
from pipeline.settings import SettingsError

#: Setting -> what it must be set to.
VALUES = {
    "CODING_AGENT_QUEUE_URL": "the URL of the SQS queue for jobs",
    "CODING_AGENT_TOPIC_ARN": "the ARN of the SNS topic for events",
    "CODING_AGENT_MODEL": (
        "a LiteLLM model name (with its key, such as OPENAI_API_KEY), or scripted:FILE to try the"
        " service without one"
    ),
    "GITHUB_TOKEN": (
        "a fine-grained token with Contents and Pull requests (write) and Issues (read); or set"
        " GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY"
    ),
}


@dataclass(frozen=True)
class OptionalPackage:
    """A package that an extra installs."""

    module: str
    name: str
    extra: str


PYGITHUB = OptionalPackage("github", "PyGithub", "github")
LITELLM = OptionalPackage("litellm", "litellm", "model")
BOTO3 = OptionalPackage("boto3", "boto3", "aws")
AIOBOTO3 = OptionalPackage("aioboto3", "aioboto3", "aws")
FASTAPI = OptionalPackage("fastapi", "FastAPI", "api")
UVICORN = OptionalPackage("uvicorn", "uvicorn", "api")
_PACKAGES = (
    PYGITHUB,
    LITELLM,
    BOTO3,
    AIOBOTO3,
    OptionalPackage("botocore", "botocore", "aws"),
    FASTAPI,
    OptionalPackage("starlette", "starlette", "api"),
    UVICORN,
)


def describe_missing(variable: str) -> str:
    """Return the message of a command that needs a setting."""
    return f"{variable} is not set: {VALUES[variable]}"


def how_to_set(variable: str) -> str:
    """Return what to do about a missing setting."""
    return f"set {variable}: {VALUES[variable]}"


def how_to_install(extra: str) -> str:
    """Return what to do about a missing extra."""
    return f"install the extra {extra!r}: {install_command(extra)}"


def require_package(package: OptionalPackage) -> None:
    """Raise SettingsError if an optional package is not installed."""
    if find_spec(package.module) is None:
        raise SettingsError(_describe_package(package))


def explain_missing_module(error: ModuleNotFoundError) -> str | None:
    """Return what to do about an import that failed; None if no extra has the module."""
    name = (error.name or "").partition(".")[0]
    for package in _PACKAGES:
        if package.module == name:
            return _describe_package(package)
    return None


def _describe_package(package: OptionalPackage) -> str:
    return f"{package.name} is not installed: {how_to_install(package.extra)}"
