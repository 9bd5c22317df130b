"""Checks of the configured models, for ``coding-agent doctor``: their settings, prices and
credentials, and a reply of each.
"""

import asyncio
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.check import Check
from cli.missing import LITELLM, how_to_set
from pipeline.settings import Settings, SettingsError

if TYPE_CHECKING:
    from pipeline.model.capabilities import ModelProfile
    from pipeline.model.client import ModelClient
    from pipeline.model.prices import ModelPrices

_MODEL = "CODING_AGENT_MODEL"


def check_model(settings: Settings) -> Check:
    """Check that a model is set, and that the script of a scripted one exists."""
    name = settings.model
    if not name:
        return Check(_MODEL, False, hint=how_to_set(_MODEL))
    if name.startswith("scripted:"):
        script = Path(name.removeprefix("scripted:"))
        return Check(_MODEL, script.is_file(), name, f"there is no file {script}")
    return Check(_MODEL, True, name)


def check_profiles(settings: Settings, *, paid: bool) -> list[Check]:
    """Check that every model has a price and its key, and show its settings. If ``paid``, models
    that have them are asked for a short reply.

    LiteLLM takes seconds to import.
    """
    is_stand_in = (settings.model or "").startswith(("scripted:", "replay:"))
    if not settings.model or is_stand_in or find_spec(LITELLM.module) is None:
        return []
    from cli.backends import model_client, model_settings
    from cli.wiring import configured_models
    from pipeline.model.prices import ModelPrices

    try:
        profiles = model_settings(settings)
    except SettingsError as error:
        return [Check("models", False, hint=str(error))]
    prices = ModelPrices(profiles)
    _, client = model_client(settings)
    checks = []
    for model in dict.fromkeys(model for _, model in configured_models(settings)):
        profile = profiles.profile(model)
        needed = [_check_price(prices, model), *_check_credentials(model, profile.extra)]
        checks += needed
        checks.append(Check(f"settings of {model}", True, _describe_profile(profile)))
        if paid and all(check.ok for check in needed):
            checks.append(asyncio.run(ask_for_reply(client, model)))
    return checks


async def ask_for_reply(client: "ModelClient", model: str) -> Check:
    """Buy the shortest reply that providers sell (16 tokens), and tell what it cost."""
    from pipeline.errors import describe, to_sentence
    from pipeline.model.failures import ModelError
    from pipeline.model.outages import QUESTION_TIMEOUT, short_question

    name = f"reply of {model}"
    started_at = time.monotonic()
    try:
        async with asyncio.timeout(QUESTION_TIMEOUT):
            reply = await client.complete(short_question(model))
    except TimeoutError:
        return Check(name, False, hint=f"no answer within {QUESTION_TIMEOUT:g} s")
    except ModelError as error:
        error.model = model
        hint = f"{error.verdict().reason}: {to_sentence(error.message)}"
        return Check(name, False, hint=hint)
    except Exception as error:  # every failure is a result of this check
        return Check(name, False, hint=describe(error))
    seconds = time.monotonic() - started_at
    return Check(name, True, f"after {seconds:.1f} s, for {reply.cost_usd:.6f} US dollars")


def _check_price(prices: "ModelPrices", model: str) -> Check:
    name = f"price of {model}"
    try:
        prices.check(model)
        price = prices.price(model)
    except ValueError as error:
        return Check(name, False, hint=str(error))
    detail = f"input ${price.input:g}, output ${price.output:g} per million tokens"
    return Check(name, True, detail)


def _check_credentials(model: str, extra: Mapping[str, Any]) -> list[Check]:
    """Check what LiteLLM reads from the environment for the model."""
    from pipeline.model.credentials import is_set, needed_credentials

    try:
        needed = needed_credentials(model)
    except ValueError as error:
        return [Check(f"provider of {model}", False, hint=str(error))]
    checks = []
    for credential in needed:
        hint = f"set {credential.name}: {credential.meaning} for {model}"
        checks.append(Check(credential.name, is_set(credential, extra), "(set)", hint))
    return checks


def _describe_profile(profile: "ModelProfile") -> str:
    parts = [f"{profile.protocol} tool calls", f"{profile.api} API"]
    if profile.effort is not None:
        efforts = " and ".join(f"{effort} ({use})" for use, effort in profile.effort.items())
        parts.append(f"effort {efforts}")
    lengths = " and ".join(f"{tokens:,} ({use})" for use, tokens in profile.max_tokens.items())
    parts.append(f"replies of up to {lengths} tokens")
    context = "of unknown length" if profile.context is None else f"of {profile.context:,} tokens"
    parts.append(f"a context {context}")
    return ", ".join(parts)
