"""The credentials that the providers' libraries read from the environment, to be checked before a
model is called.

``litellm.validate_environment`` knows most providers' variables, and answers for those that have no
row here. It takes an empty variable for a set one, asks for a key of servers that need none, says
nothing of a server without an address (which litellm replaces with OpenAI's), and knows neither
AWS's and Google's credential files nor Azure's tokens.
"""

import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.model.litellm_library import load_litellm
from pipeline.model.provider import find_provider


@dataclass(frozen=True)
class Credential:
    """Something that a provider's library must find in the environment."""

    variables: tuple[str, ...]
    """One of them must be set."""
    meaning: str
    argument: str | None = None
    """The argument of a call (``extra`` in the settings of models) that replaces them."""

    @property
    def name(self) -> str:
        return " or ".join(self.variables)


def _key(*variables: str) -> Credential:
    return Credential(variables, "the key")


def _address(*variables: str) -> Credential:
    return Credential(variables, "the server's address", "api_base")


#: litellm's name of a provider -> what it needs (https://docs.litellm.ai/docs/providers).
_NEEDED: dict[str, tuple[Credential, ...]] = {
    "anthropic": (_key("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),),
    "azure": (
        _address("AZURE_API_BASE", "AZURE_OPENAI_ENDPOINT"),
        _key("AZURE_API_KEY", "AZURE_OPENAI_API_KEY", "AZURE_AD_TOKEN", "AZURE_CLIENT_ID"),
    ),
    "deepseek": (_key("DEEPSEEK_API_KEY"),),
    "gemini": (_key("GEMINI_API_KEY", "GOOGLE_API_KEY"),),
    "groq": (_key("GROQ_API_KEY"),),
    "hosted_vllm": (_address("HOSTED_VLLM_API_BASE"),),
    "litellm_proxy": (_address("LITELLM_PROXY_API_BASE"), _key("LITELLM_PROXY_API_KEY")),
    "lm_studio": (_address("LM_STUDIO_API_BASE"),),
    "mistral": (_key("MISTRAL_API_KEY", "MISTRAL_AZURE_API_KEY"),),
    "moonshot": (_key("MOONSHOT_API_KEY"),),
    # They run on this machine unless an address is set.
    "ollama": (),
    "ollama_chat": (),
    "openai": (_key("OPENAI_API_KEY"),),
    "openrouter": (_key("OPENROUTER_API_KEY"),),
    "perplexity": (_key("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"),),
    "together_ai": (_key("TOGETHERAI_API_KEY"),),
    "xai": (_key("XAI_API_KEY"),),
    "zai": (_key("ZAI_API_KEY"),),
}
_AWS = Credential(
    ("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK"),
    "AWS's credentials, unless a role gives them",
)
_GOOGLE = Credential(
    ("GOOGLE_APPLICATION_CREDENTIALS",), "the file with Google's credentials", "vertex_credentials"
)
_GOOGLE_LIBRARY = "google.auth"


def needed_credentials(model: str) -> tuple[Credential, ...]:
    """Return what the environment must have for calls of a model.

    Raises:
        ValueError: litellm does not know the model's provider, or a library is not installed. The
            text says what to do.
    """
    provider = find_provider(model)
    if provider in ("bedrock", "bedrock_converse", "sagemaker", "sagemaker_chat"):
        return (_AWS,)
    if provider == "vertex_ai":
        _require_google_library(model)
        return (_GOOGLE,)
    if provider in _NEEDED:
        return _NEEDED[provider]
    missing = load_litellm().validate_environment(model=model)["missing_keys"]
    return tuple(_key(name) for name in missing)


def is_set(credential: Credential, extra: Mapping[str, Any]) -> bool:
    """Return whether a credential is there. ``extra`` are more arguments of the call.

    May block for seconds: AWS's and Google's libraries ask the machine's metadata service.
    """
    if credential.argument in extra:
        return True
    if credential is _AWS:
        return any(name.startswith("aws_") for name in extra) or _has_aws_credentials()
    if credential is _GOOGLE:
        return _has_google_credentials()
    return any(os.environ.get(name) for name in credential.variables)


def _has_aws_credentials() -> bool:
    import botocore.session

    if os.environ.get("AWS_BEARER_TOKEN_BEDROCK"):
        return True
    return botocore.session.get_session().get_credentials() is not None


def _require_google_library(model: str) -> None:
    try:
        importlib.import_module(_GOOGLE_LIBRARY)
    except ImportError:
        raise ValueError(
            f"the model {model!r} needs the package google-auth: pip install google-auth"
        ) from None


def _has_google_credentials() -> bool:
    if os.environ.get("VERTEXAI_CREDENTIALS"):
        return True
    library = importlib.import_module(_GOOGLE_LIBRARY)
    exceptions = importlib.import_module(f"{_GOOGLE_LIBRARY}.exceptions")
    try:
        library.default()
    except exceptions.DefaultCredentialsError:
        return False
    return True
