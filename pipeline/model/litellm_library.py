"""Importing litellm, which takes 4 s and 215 MB: so only on first use, and set up in one place."""

import logging
import os
from typing import Any


def load_litellm() -> Any:
    """Import litellm, or return the imported module. The first call blocks for several seconds."""
    # Read at import: no price list from the network, and no .env from the current folder.
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["LITELLM_MODE"] = "PRODUCTION"
    import litellm
    from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

    AsyncHTTPHandler.single_connection_post_request = _refuse_second_post
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.disable_hf_tokenizer_download = True
    # At DEBUG it logs whole requests.
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return litellm


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
