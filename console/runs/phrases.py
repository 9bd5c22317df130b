"""Amounts as people read them."""

_MINUTE = 60
_HOUR = 3600
_DAY = 86_400


def duration(seconds: float) -> str:
    """Return a duration in at most two units: ``0.4 s``, ``42 s``, ``3 min 12 s``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    minutes = whole // _MINUTE
    if whole < _DAY:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = whole // _HOUR
    return f"{hours // 24} d {hours % 24} h"


def age(seconds: float) -> str:
    """Return how long ago something was in one unit, without a space: ``42s``, ``3m``, ``5d``."""
    whole = max(int(seconds), 0)
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m"
    if whole < _DAY:
        return f"{whole // _HOUR}h"
    return f"{whole // _DAY}d"


def usd(amount: float) -> str:
    """Return US dollars: to the cent from one dollar on, else with four decimals; ``$0``."""
    if not amount:
        return "$0"
    return f"${amount:.2f}" if amount >= 1 else f"${amount:.4f}"
