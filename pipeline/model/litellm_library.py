"""Importing litellm and setting it up: only on first use, since it takes 4 s and 215 MB."""

import functools
import logging
import os
from collections.abc import Callable
from typing import Any

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
    import litellm

    _patch()
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.disable_hf_tokenizer_download = True
    # At DEBUG it logs whole requests.
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return litellm


@functools.cache
def _patch() -> None:
    from litellm.llms.anthropic.chat.transformation import AnthropicConfig
    from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

    AsyncHTTPHandler.single_connection_post_request = _refuse_second_post
    transform = AnthropicConfig.transform_parsed_response
    AnthropicConfig.transform_parsed_response = _with_original_blocks(transform)


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
