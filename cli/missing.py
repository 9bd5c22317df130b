"""Messages about missing settings and packages, the same in ``doctor`` and all other commands."""

from importlib.util import find_spec

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


def describe_missing(variable: str) -> str:
    """Return the message of a command that needs a setting."""
    return f"{variable} is not set: {VALUES[variable]}"


def how_to_set(variable: str) -> str:
    """Return what to do about a missing setting."""
    return f"set {variable}: {VALUES[variable]}"


def how_to_install(extra: str) -> str:
    """Return the command that installs the packages of an extra."""
    return f"pip install 'coding-agent[{extra}]'"


def require_package(module: str, extra: str) -> None:
    """Raise SettingsError if an optional package is not installed."""
    if find_spec(module) is None:
        raise SettingsError(f"{module} is not installed: {how_to_install(extra)}")
