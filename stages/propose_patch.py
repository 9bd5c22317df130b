"""Ask the model for a change. Prompts are rendered from templates; the exchange is kept as an artifact."""

from pydantic import BaseModel, ConfigDict


class Proposal(BaseModel):
    model_config = ConfigDict(frozen=True)

    reply: str
    """The model's text, raw."""
    exchange_key: str
    """Artifact: what was sent and what came back, with usage and cost."""
    model: str


class Proposals(BaseModel):
    model_config = ConfigDict(frozen=True)

    proposals: tuple[Proposal, ...]
    templates: dict[str, str]
    """template name -> hash, of those that were used"""
    template_set: str
    """hash of the whole set"""
