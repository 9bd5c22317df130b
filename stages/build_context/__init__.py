"""What the model gets to read: the files that the issue is most likely about, within a token limit."""

from pydantic import BaseModel, ConfigDict


class ContextFile(BaseModel):
    model_config = ConfigDict(frozen=True)

    path: str
    content: str
    """As in the base commit; where not whole, pieces of it with the lines between left out."""
    whole: bool
    why: str
    """What ranked it: for the person who asks why this file, in a few words."""


class Context(BaseModel):
    model_config = ConfigDict(frozen=True)

    files: tuple[ContextFile, ...]
    """Most likely first."""
    ranking: tuple[str, ...]
    """Paths, likeliest first, longer than ``files``."""
    listing: tuple[str, ...]
    """Paths of the repository that are shown by name alone."""
    tokens: int
    """Estimated."""
