"""The arguments of commands that install Python packages: pip, uv, Poetry, Pipenv, conda."""

import re
import shlex
from collections.abc import Iterator

from repository.testing.detect.package_names import pypi_name
from repository.testing.detect.requirements import parse_requirement

FILE_OPTION = "-r"
_MAX_COMMANDS = 20
_MAX_LENGTH = 4000
_INSTALL = re.compile(
    r"\b(?P<program>pip3?(?:\.\d+)?|uv pip|uv|poetry|pipenv|conda|mamba|micromamba)"
    r"\s{1,8}(?:install|add|create)\s"
)
_WITH = re.compile(r"\buvx?\s[^\n]{0,200}?--with[\s=]+(?P<packages>\S+)")
_END_OF_COMMAND = re.compile(r"&&|\|\|?|;|#|\d?>")
_SHORT_FILE_OPTION = re.compile(r"-r\S")
_REQUIREMENT_OPTIONS = ("-r", "--requirement", "--requirements")
_OPTIONS_WITH_VALUE = frozenset(
    [
        "-c",
        "--constraint",
        "-f",
        "--find-links",
        "-i",
        "--index-url",
        "--extra-index-url",
        "--index",
        "--trusted-host",
        "--python",
        "-p",
        "-t",
        "--target",
        "--prefix",
        "--cache-dir",
        "--timeout",
        "--upgrade-strategy",
        "--progress-bar",
        "--group",
        "-G",
        "-n",
        "--name",
        "--channel",
        "--platform",
        "--proxy",
        "--root-user-action",
    ]
)
_NAME_BEFORE_VERSION = re.compile(r"([A-Za-z0-9][\w.-]{0,80}(?:\[[\w, -]{0,80}\])?)[=<>~!@]")
_CONDA = ("conda", "mamba", "micromamba")


def is_install(command: str) -> bool:
    """Whether a command installs packages."""
    return _INSTALL.search(f"{command[:_MAX_LENGTH]} ") is not None


def install_arguments(command: str) -> list[str]:
    """Return what a command installs.

    These are requirements, requirement files as ``-rFILE`` and folders such as ``.[extra]``; other
    options are left out.
    """
    text = f"{command[:_MAX_LENGTH]} "
    arguments: list[str] = []
    for with_option in list(_WITH.finditer(text))[:_MAX_COMMANDS]:
        arguments += with_option["packages"].split(",")
    for install in list(_INSTALL.finditer(text))[:_MAX_COMMANDS]:
        words = _words(text[install.end() :])
        if install["program"] in _CONDA:
            arguments += _conda_packages(words)
        else:
            arguments += words
    return arguments


def _words(text: str) -> list[str]:
    """Return the words up to the end of the command, without options."""
    try:
        words = shlex.split(text)
    except ValueError:
        # The quotes around the whole command, as in JSON, are not balanced here.
        words = text.replace('"', " ").replace("'", " ").split()
    arguments = []
    previous = ""
    for word in _until_end(words):
        option, _, value = word.partition("=")
        if previous in _REQUIREMENT_OPTIONS:
            arguments.append(FILE_OPTION + word)
        elif option in _REQUIREMENT_OPTIONS and value:
            arguments.append(FILE_OPTION + value)
        elif _is_argument(word, previous):
            arguments.append(_without_variable_version(word))
        previous = word
    return arguments


def _until_end(words: list[str]) -> Iterator[str]:
    """Yield the words before the end of the command."""
    for word in words:
        if _END_OF_COMMAND.match(word):
            return
        if word.endswith(";"):
            yield word.removesuffix(";")
            return
        yield word


def _is_argument(word: str, previous: str) -> bool:
    if _SHORT_FILE_OPTION.match(word):
        return True
    return previous not in _OPTIONS_WITH_VALUE and not word.startswith("-")


def _without_variable_version(word: str) -> str:
    """Return the name alone if the version is a variable of the shell or of a matrix."""
    name = _NAME_BEFORE_VERSION.match(word)
    return name[1] if name and ("$" in word or "^" in word) else word


def _conda_packages(words: list[str]) -> list[str]:
    """Return the names on PyPI; conda has its own syntax for versions."""
    names = []
    for word in words:
        name = pypi_name(re.split(r"[=<>!~\s]", word, maxsplit=1)[0].rpartition("::")[2])
        if name is not None and parse_requirement(name) is not None:
            names.append(name)
    return names
