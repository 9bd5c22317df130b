"""What each model can do, and the settings that suit it.

The shipped settings are in ``models.yaml``; an operator's file of the same form overrides them
(docs/models.md). A file maps patterns of model names to settings. All sections that match a name
apply, each over the ones before it.
"""

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pipeline.job import explain
from pipeline.model import Effort, Use
from pipeline.model.litellm_library import listed_model, load_litellm
from pipeline.model.price import Price
from pipeline.yaml_files import load_yaml

SHIPPED = Path(__file__).with_name("models.yaml")

Protocol = Literal["native", "text"]
"""How a model calls tools: by the provider's tool calls, or in the text of its reply."""

#: Arguments of a call that ``extra`` must not replace: they are the request itself, hold secrets,
#: or would let a call cost more than was reserved for it.
_RESERVED = frozenset(
    {
        "api_key",
        "custom_llm_provider",
        "fallbacks",
        "input",
        "instructions",
        "max_completion_tokens",
        "max_output_tokens",
        "max_retries",
        "max_tokens",
        "messages",
        "mock_response",
        "model",
        "n",
        "num_retries",
        "stream",
        "temperature",
        "timeout",
        "tools",
    }
)


class ModelsError(ValueError):
    """A file of model settings can't be used: the text says which file, model and field."""


def _short_replies() -> dict[Use, int]:
    return {"agent": 8_000, "single": 8_000}


class ModelProfile(BaseModel):
    """The settings of one model; docs/models.md explains the fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    protocol: Protocol = "text"
    api: Literal["chat", "responses"] = "chat"
    """The provider's API: Chat Completions or its equivalent, or OpenAI's Responses."""
    effort: dict[Use, Effort] | None = None
    """How much the model reasons; None for a model that has no such choice."""
    thinking_tokens: dict[Effort, int] | None = None
    """Tokens of thinking for each effort, for models that take a number instead of an effort."""
    max_tokens: dict[Use, int] = Field(default_factory=_short_replies)
    """Maximum length of a reply, reasoning included."""
    context: int | None = Field(None, ge=1)
    """Maximum number of tokens of a request and its reply; None if it is not known."""
    takes_temperature: bool = True
    keeps_reasoning: bool = False
    """Whether the model gets its own reasoning back with the conversation."""
    timeout_seconds: float = Field(900.0, gt=0, le=3600)
    """For a whole call."""
    price: Price | None = None
    """None: the price in litellm's list."""
    extra: dict[str, Any] = Field(default_factory=dict)
    """More arguments of the call, as litellm takes them."""

    @field_validator("max_tokens", "thinking_tokens")
    @classmethod
    def _positive(cls, value: dict[str, int] | None) -> dict[str, int] | None:
        for name, tokens in (value or {}).items():
            if tokens < 1:
                raise ValueError(f"{name}: must be at least 1")
        return value

    @field_validator("extra")
    @classmethod
    def _not_reserved(cls, value: dict[str, Any]) -> dict[str, Any]:
        if reserved := sorted(_RESERVED & value.keys()):
            raise ValueError(f"{', '.join(reserved)} can't be set here")
        return value

    def effort_for(self, use: Use, requested: Effort | None = None) -> Effort | None:
        """Return the requested effort, else that for ``use``; None if the model has no choice."""
        if self.effort is None:
            return None
        return requested or self.effort.get(use)

    def temperature_for(self, requested: float | None) -> float | None:
        """Return the requested temperature; None if the model takes none."""
        return requested if self.takes_temperature else None


@dataclass(frozen=True)
class Section:
    """Settings for the models whose name matches a pattern."""

    pattern: str
    settings: Mapping[str, Any]

    def matches(self, model: str) -> bool:
        """Return whether the section is for ``model``.

        A pattern with a slash is compared with the whole name, any other with what follows the
        name's last slash: ``gpt-5*`` matches ``azure/gpt-5-mini``.
        """
        name = model if "/" in self.pattern else model.rpartition("/")[2]
        return fnmatch.fnmatchcase(name.lower(), self.pattern.lower())


class Models:
    """The settings of all models."""

    def __init__(self, sections: Sequence[Section]):
        self._sections = tuple(sections)

    @classmethod
    def load(
        cls, path: Path | None = None, prices: Mapping[str, tuple[float, float]] | None = None
    ) -> Self:
        """Read the shipped settings, and those of an operator over them.

        Args:
            path: a file of settings.
            prices: model -> US dollars per million tokens of input and of output.

        Raises:
            ModelsError: the file can't be read, or a section is wrong.
        """
        sections = _read(SHIPPED)
        if path is not None:
            sections += _read(path)
        for model, (input_usd, output_usd) in (prices or {}).items():
            sections.append(Section(model, {"price": {"input": input_usd, "output": output_usd}}))
        return cls(sections)

    def profile(self, model: str) -> ModelProfile:
        """Return the settings of a model. Without a context or a protocol in the files, those of
        litellm's list apply.

        The first use for such a model imports litellm and blocks for several seconds.
        """
        merged: dict[str, Any] = {}
        for section in self._sections:
            if section.matches(model):
                merged = merge(merged, section.settings)
        if "protocol" not in merged:
            merged["protocol"] = "native" if _supports_tools(model) else "text"
        if "context" not in merged:
            merged["context"] = listed_model(model).get("max_input_tokens")
        return ModelProfile.model_validate(merged)


def _supports_tools(model: str) -> bool:
    return bool(load_litellm().supports_function_calling(model=model))


def _read(path: Path) -> list[Section]:
    content = _parse(path)
    sections = []
    for pattern, settings in content.items():
        if not isinstance(pattern, str) or not isinstance(settings, dict):
            raise ModelsError(f"{path}: {pattern}: write settings below it, such as 'api: chat'")
        try:
            ModelProfile.model_validate(settings)
        except ValidationError as error:
            raise ModelsError(f"{path}: {pattern}: {explain(error)}") from error
        sections.append(Section(pattern, settings))
    return sections


def _parse(path: Path) -> dict[Any, Any]:
    try:
        content = load_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelsError(f"{path} can't be read: {error.strerror or error}") from error
    except (ValueError, yaml.YAMLError) as error:
        raise ModelsError(f"{path}: not YAML: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ModelsError(f"{path}: write a mapping from model names to their settings")
    return content


def merge(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with the values of ``override``; mappings are merged, others replaced."""
    merged = dict(base)
    for name, value in override.items():
        below = merged.get(name)
        if isinstance(below, dict) and isinstance(value, dict):
            merged[name] = merge(below, value)
        else:
            merged[name] = value
    return merged
