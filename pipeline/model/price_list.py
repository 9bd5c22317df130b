"""Prices in litellm's list of models."""

import re
from collections.abc import Mapping
from typing import Any

from pipeline.model.litellm_library import listed_model
from pipeline.model.price import PER_MILLION, Price
from pipeline.model.price_file import row_in_file

#: The fields of a row that price each kind of token.
_INPUT = ("input_cost_per_token",)
_CACHED_INPUT = ("cache_read_input_token_cost",)
_CACHE_WRITE = ("cache_creation_input_token_cost",)
_OUTPUT = ("output_cost_per_token", "output_cost_per_reasoning_token")
#: A field's variants: a price for requests with more than that many thousand input tokens, and
#: one for a service tier, which only a request for that tier pays.
_VARIANT = re.compile(r"(?:_above_(\d+)k_tokens)?(?:_(priority|flex|batches))?")


def listed_price(
    model: str, *, input_tokens: int = 0, service_tier: str | None = None
) -> Price | None:
    """Return the highest price at which a request may be billed.

    Args:
        model: a LiteLLM model name.
        input_tokens: the most that the request may have; above a threshold, other prices apply.
        service_tier: the tier that the request asks for.

    Returns:
        None if the list has no price per token for the model.
    """
    return _price_of(listed_model(model), input_tokens, service_tier)


def price_to_show(model: str) -> Price | None:
    """Return the price of a short request, without importing litellm if its list's file has the
    model under that name. None if the list has no price per token for it.

    Whether a model may be called is not decided by this: litellm refuses some names in its list.
    """
    row = row_in_file(model)
    if row is None:
        return listed_price(model)
    return _price_of(row, input_tokens=0, service_tier=None)


def _price_of(row: dict[str, Any], input_tokens: int, service_tier: str | None) -> Price | None:
    prices = _Row(_row_for(row, input_tokens), input_tokens, service_tier)
    input_price = prices.highest(_INPUT)
    output_price = prices.highest(_OUTPUT)
    if input_price is None or output_price is None:
        return None
    return Price(
        input=input_price,
        output=output_price,
        cached_input=prices.highest(_CACHED_INPUT),
        cache_write=prices.highest(_CACHE_WRITE),
    )


class _Row:
    """The prices of one model that apply to a request."""

    def __init__(self, row: Mapping[str, Any], input_tokens: int, service_tier: str | None):
        self._row = row
        self._input_tokens = input_tokens
        self._service_tier = service_tier

    def highest(self, fields: tuple[str, ...]) -> float | None:
        """Return the highest price in US dollars per million tokens among the fields' variants."""
        prices = []
        for name, value in self._row.items():
            if not isinstance(value, int | float):
                continue
            if any(self._applies(name, field) for field in fields):
                prices.append(value * PER_MILLION)
        return max(prices, default=None)

    def _applies(self, name: str, field: str) -> bool:
        if not name.startswith(field):
            return False
        variant = _VARIANT.fullmatch(name.removeprefix(field))
        if variant is None:
            return False
        threshold, tier = variant.groups()
        if threshold is not None and self._input_tokens <= int(threshold) * 1000:
            return False
        return tier is None or tier == self._service_tier


def _row_for(row: dict[str, Any], input_tokens: int) -> dict[str, Any]:
    """Return the row, or the most expensive of its tiers that the input can reach.

    If a row has tiers, the whole request is billed at the tier of its input.
    """
    tiers: list[dict[str, Any]] = row.get("tiered_pricing") or []
    reached = [tier for tier in tiers if tier["range"][0] <= input_tokens]
    if not reached:
        return row
    return max(reached, key=lambda tier: float(tier["input_cost_per_token"]))
