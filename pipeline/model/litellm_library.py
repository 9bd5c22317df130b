"""Importing litellm and setting it up: only on first use, since it takes 3 s and 215 MB."""

import functools
import gc
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pipeline.model.finish_reasons import extend_table

#: The hidden parameter of a response that has the blocks of an Anthropic reply as they came.
ORIGINAL_BLOCKS = "original_response"
#: Read when litellm is imported.
_ENVIRONMENT = {
    # Fetch nothing from the network except the providers' answers.
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    # No .env from the current folder.
    "LITELLM_MODE": "PRODUCTION",
    # A model may reason for minutes without a byte; gateways drop a connection that is silent for
    # that long (AWS NAT gateway: 350 s,
    # https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html).
    "AIOHTTP_SO_KEEPALIVE": "True",
}


def load_litellm() -> Any:
    """Import litellm, or return the imported module. The first call blocks for several seconds."""
    os.environ.update(_ENVIRONMENT)
    litellm = _import_litellm()
    _patch()
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.disable_hf_tokenizer_download = True
    # At DEBUG it logs whole requests.
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return litellm


@functools.cache
def _import_litellm() -> Any:
    """Import litellm without garbage collections, which would take a quarter of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        import litellm
    finally:
        if collecting:
            gc.enable()
    return litellm


@functools.cache
def _patch() -> None:
    from litellm.litellm_core_utils import core_helpers
    from litellm.llms.anthropic.chat.transformation import AnthropicConfig
    from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler
    from litellm.llms.vertex_ai.gemini.vertex_and_google_ai_studio_gemini import VertexGeminiConfig

    extend_table(core_helpers._FINISH_REASON_MAP)
    check = VertexGeminiConfig._check_finish_reason
    VertexGeminiConfig._check_finish_reason = staticmethod(_with_failures_first(check))

    AsyncHTTPHandler.single_connection_post_request = _refuse_second_post
    transform = AnthropicConfig.transform_parsed_response
    AnthropicConfig.transform_parsed_response = _with_original_blocks(transform)


@contextmanager
def no_logging_task() -> Iterator[None]:
    """Keep litellm from starting a background task for logging callbacks after each call.

    There are no callbacks, and the last call's task outlives the event loop. litellm's own variable
    for a call within another call, which has the same effect, is used.
    """
    from litellm._internal_context import is_internal_call

    token = is_internal_call.set(True)
    try:
        yield
    finally:
        is_internal_call.reset(token)


def _with_original_blocks(transform: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap litellm's reader of Anthropic replies so that it keeps the reply's blocks.

    litellm stores them itself, and then overwrites the field.
    """

    def transform_parsed_response(
        self: Any, completion_response: dict[str, Any], *arguments: Any, **options: Any
    ) -> Any:
        response = transform(self, completion_response, *arguments, **options)
        response._hidden_params[ORIGINAL_BLOCKS] = completion_response["content"]
        return response

    return transform_parsed_response


def _with_failures_first(check: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap litellm's reader of Gemini's finish reason, which any call in the reply hides."""

    def check_finish_reason(message: Any, finish_reason: str | None) -> Any:
        without_calls = check(None, finish_reason)
        return check(message, finish_reason) if without_calls == "stop" else without_calls

    return check_finish_reason


async def _refuse_second_post(*_: Any, **__: Any) -> Any:
    """Re-raise the current error.

    Replaces the second POST that litellm's client makes in an ``except`` block after a broken
    connection: the first one may have been charged.
    """
    raise  # noqa: PLE0704


def listed_model(model: str) -> dict[str, Any]:
    """Return the model's row in litellm's price list; empty if it has none."""
    litellm = load_litellm()
    try:
        row: dict[str, Any] = litellm.model_cost[litellm.get_model_info(model)["key"]]
    except Exception:  # litellm raises a bare Exception for an unknown model
        return {}
    return row
