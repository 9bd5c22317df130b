"""AWS's list prices and the assumed usage, from prices.toml."""

import tomllib
from datetime import date as Date
from pathlib import Path

from pydantic import BaseModel, ConfigDict

PRICES_FILE = Path(__file__).with_name("prices.toml")
#: What a resource that has no price of its own belongs to.
FREE = "free"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Price(_Table):
    """US dollars for one unit."""

    usd: float
    unit: str
    page: str
    """The key of a page of AWS in ``PriceList.pages``."""


class Assumption(_Table):
    value: float
    why: str


class PriceList(_Table):
    """The content of prices.toml."""

    date: Date
    region: str
    hours_per_month: float
    pages: dict[str, str]
    prices: dict[str, Price]
    assumed: dict[str, Assumption]
    resources: dict[str, str]
    """For each type of Terraform's resources the part of the bill that has its price, or FREE."""

    def usd(self, name: str) -> float:
        return self.prices[name].usd

    def assume(self, name: str) -> float:
        return self.assumed[name].value


def read_prices() -> PriceList:
    return PriceList.model_validate(tomllib.loads(PRICES_FILE.read_text(encoding="utf-8")))
