"""Estimate how many tokens a text has, without a tokeniser and the same for every model."""

BYTES_PER_TOKEN = 3
"""Low, so that estimates are high: code has 3 to 4 with the common tokenisers."""


def tokens_of(text: str) -> int:
    """Estimate the tokens of ``text``, on the high side."""
    return tokens_of_bytes(len(text.encode()))


def tokens_of_bytes(size: int) -> int:
    """Estimate the tokens of ``size`` bytes of UTF-8, rounded up."""
    return (size + BYTES_PER_TOKEN - 1) // BYTES_PER_TOKEN
