"""What a measurement will cost, before it begins."""

from dataclasses import dataclass

from cli.backends import model_settings
from pipeline.model.price import Usage
from pipeline.model.prices import ModelPrices
from pipeline.settings import Settings, SettingsError, variable
from repository.counts import count

#: The mean of 290 runs of mini-swe-agent 1.15 with Gemini 3 Pro on SWE-bench Verified
#: (github.com/gruckion/mini-swe-agent, swebench_results/20251118_gemini-3-pro-74pct), as
#: ``benchmarks.strategies`` prints it.
MEAN_RUN = Usage(prompt_tokens=621_222, cached_tokens=517_709, completion_tokens=10_970)


@dataclass(frozen=True)
class Estimate:
    """The cost of a measurement in US dollars."""

    instances: int
    model: str
    expected_usd: float | None
    """None if there are no recorded runs of the strategy."""
    most_usd: float

    def describe(self, limit_usd: float | None) -> str:
        """Return the estimate in words. ``limit_usd`` is the limit of the whole measurement."""
        instances = count(self.instances, "instance")
        most_usd = self.most_usd if limit_usd is None else min(self.most_usd, limit_usd)
        parts: list[str] = []
        if self.expected_usd is not None:
            expected_usd = min(self.expected_usd, most_usd)
            parts.append(
                f"about ${expected_usd:.2f} if it uses as many tokens as recorded runs of"
                " another model"
            )
        parts.append(f"at most ${most_usd:.2f}")
        return f"{instances} with {self.model}: {', '.join(parts)}"


def estimate(settings: Settings, instances: int) -> Estimate:
    """Estimate the cost of a measurement of this many instances.

    Raises:
        SettingsError: the model has no price.
    """
    model = settings.model or ""
    try:
        price = ModelPrices(model_settings(settings)).price(model)
    except ValueError as error:
        raise SettingsError(f"{variable('model')}: {error}") from error
    expected_usd: float | None = None
    if settings.strategy == "agent":
        expected_usd = instances * settings.attempts * price.cost_usd(MEAN_RUN)
    return Estimate(instances, model, expected_usd, instances * settings.max_cost_usd)
