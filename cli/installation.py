"""How this program was installed, and the command that adds the packages of an extra.

The command never asks an index for the program itself: it is published on none, and a stranger may
own the name there.
"""

import shlex
import sys
from pathlib import Path

#: The name of the distribution. Its command is ``coding-agent``: on the public index, the
#: distribution of that name is not ours.
DISTRIBUTION = "coding-agent-service"


def install_command(extra: str) -> str:
    """Return the shell command that adds an extra's packages to this installation.

    Where the checkout or file that it was installed from still exists, it is installed again from
    there, with all extras: ``uv tool`` and ``pipx`` drop the extras that the command does not name.
    """
    source = _source()
    if source:
        words = [*_installer(), *source]
    else:
        words = [*_environment_installer(), *_requirements(extra)]
    return shlex.join(words)


def _installer() -> list[str]:
    prefix = Path(sys.prefix)
    if (prefix / "uv-receipt.toml").is_file():
        return ["uv", "tool", "install", "--force"]
    if (prefix / "pipx_metadata.json").is_file():
        return ["pipx", "install", "--force"]
    return _environment_installer()


def _environment_installer() -> list[str]:
    """Return what installs into the environment of this Python. ``uv`` is one of our
    dependencies, whereas environments that uv made lack pip.
    """
    if sys.prefix == sys.base_prefix:
        return [sys.executable, "-m", "pip", "install"]
    return [sys.executable, "-m", "uv", "pip", "install"]


def _source() -> list[str]:
    """Return the arguments that name what was installed, with all extras; none if that is unknown
    or gone.

    Installers record it in ``direct_url.json``:
    https://packaging.python.org/en/latest/specifications/direct-url-data-structure/
    """
    # Imported here, as all commands import this module.
    import json
    from importlib.metadata import PackageNotFoundError, distribution
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    try:
        record = json.loads(distribution(DISTRIBUTION).read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        return []
    url = record.get("url", "")
    if "vcs_info" in record:
        revision = record["vcs_info"].get("requested_revision", "")
        suffix = f"@{revision}" if revision else ""
        return [f"{DISTRIBUTION}[all] @ {record['vcs_info']['vcs']}+{url}{suffix}"]
    path = Path(url2pathname(urlsplit(url).path))
    if urlsplit(url).scheme != "file" or not path.exists():
        return []
    editable = record.get("dir_info", {}).get("editable", False)
    return [*(["--editable"] if editable else []), f"{path}[all]"]


def _requirements(extra: str) -> list[str]:
    """Return the packages of an extra, as the installed metadata name them."""
    from importlib.metadata import requires

    from packaging.requirements import Requirement

    requirements = []
    for line in requires(DISTRIBUTION) or []:
        requirement = Requirement(line)
        marker = requirement.marker
        if marker and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""}):
            requirement.marker = None
            requirements.append(str(requirement))
    return requirements
