"""Pages from Jinja templates: every text is redacted, made visible and escaped."""

from collections.abc import Callable
from urllib.parse import urlsplit

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from console.html.assets import policy, read_asset
from console.runs.phrases import duration, usd
from console.visible_text import visible
from pipeline.clock import iso_time
from prompts.filters import clip
from repository.counts import count

#: Templates that every page may use: ``layout.html.j2`` and the macros beside it.
_SHARED = "console.html"


def make_environment(*packages: str, redact: Callable[[str], str]) -> Environment:
    """Return an environment with the templates of these packages and the shared ones.

    Control characters, changes of direction and the like are shown as visible characters: HTML has
    no escape for them. The filters of texts are those of ``console.runs.phrases``, and ``clip``.

    Args:
        packages: such as ``console.page``; each has a folder ``templates``.
        redact: replaces secrets in a text.
    """

    def harmless(value: object) -> object:
        if isinstance(value, Markup) or not isinstance(value, str):
            return value
        return visible(redact(value))

    loaders = [PackageLoader(package) for package in (*packages, _SHARED)]
    environment = Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clip"] = clip
    environment.filters["first_line"] = _first_line
    environment.filters["link"] = lambda address: _link(redact(address))
    environment.filters["count"] = count
    environment.filters["duration"] = duration
    environment.filters["iso_time"] = iso_time
    environment.filters["usd"] = usd
    environment.globals["inline_asset"] = _inline
    environment.globals["inline_policy"] = policy
    return environment


def _first_line(text: str, size: int = 120) -> str:
    """Return the first line that is not empty, cut at its end."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = lines[0] if lines else ""
    return line if len(line) <= size else f"{line[: size - 1]}…"


def _link(address: str) -> Markup | str:
    """Return a link to a web address; the text alone of any other, such as ``javascript:``."""
    try:
        scheme = urlsplit(address).scheme
    except ValueError:  # for example a bracket that is not closed
        return address
    if scheme not in ("http", "https"):
        return address
    return Markup('<a href="{0}">{0}</a>').format(visible(address))


def _inline(name: str) -> Markup:
    """Return a file of ours to be put into a page as it is."""
    return Markup(read_asset(name))  # noqa: S704 (a file of this package)
