"""What a repository's automation says of its tests: CI, tox, nox, Makefile and their like, read as
text.

Nothing is run and no YAML is loaded: hostile documents can be made to grow. A line is taken for a
command where it looks like one."""

import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

_FILES = (
    ".github/workflows/*.yml",
    ".github/workflows/*.yaml",
    ".travis.yml",
    ".circleci/config.yml",
    "azure-pipelines.yml",
    ".gitlab-ci.yml",
    "tox.ini",
    "noxfile.py",
    "pyproject.toml",
    "Makefile",
    "GNUmakefile",
    "justfile",
    "*.just",
    ".devcontainer/devcontainer.json",
    ".devcontainer.json",
    ".travis/*.sh",
    "ci/*.sh",
    "bin/test_travis.sh",
    "scripts/test*",
    "script/test*",
    "README.md",
    "CONTRIBUTING.md",
)
_MAX_FILES = 25
_MAX_LINES = 4000
_INSTALL = re.compile(r"\b(?:pip3?|uv pip)\s+install\s+(?P<what>.+)")
_CALL = re.compile(r"session\.(?P<verb>install|run)\((?P<what>[^()]*)\)", re.S)
_VERSIONS = re.compile(r"^\s*-?\s*(?:python(?:[-_]version)?|env_?list|envlist)\s*[:=](.*)$", re.I)
_RUNNERS = {
    "pytest": re.compile(r"\b(?:pytest|py\.test)\b(?!\.)"),
    "unittest": re.compile(r"-m\s+unittest\b|\bsetup\.py test\b|-m\s+django\s+test\b"),
}


@dataclass
class Said:
    """Most telling file first."""

    calls: list[tuple[str, str]] = field(default_factory=list)
    """(file, line) of what seems to run tests."""
    installs: list[str] = field(default_factory=list)
    """What is given to pip install: requirements, ``-r FILE`` as ``-rFILE``, ``.[extra]``."""
    minors: set[int] = field(default_factory=set)
    """Of Python 3, named in version matrices."""

    def runner(self, script: str) -> str | None:
        """The runner that is called first: pytest, unittest, or ``script`` where the script is."""
        name = script.rsplit("/", 1)[-1]
        own = re.compile(rf"(?:^|[\s/'\"]){re.escape(name)}\b") if name else None
        for _, line in self.calls:
            if own and own.search(line):
                return "script"
            for runner, pattern in _RUNNERS.items():
                if pattern.search(line):
                    return runner
        return None


def listen(paths: Iterable[str], read: Callable[[str], str | None], script: str) -> Said:
    """``script``: the repository's own test script, "" where there is none."""
    said = Said()
    known = list(paths)
    files = [
        path
        for pattern in _FILES
        for path in known
        if fnmatchcase(path, pattern) and path.count("/") <= 2
    ]
    for path in list(dict.fromkeys(files))[:_MAX_FILES]:
        for line in _lines(path, read(path) or ""):
            _take(said, path, line, script)
    return said


def _lines(path: str, text: str) -> list[str]:
    if path.endswith(".py"):  # nox: sessions call their commands
        calls = _CALL.finditer(text)
        return [
            f"{'pip install' if c['verb'] == 'install' else ''} {' '.join(_strings(c['what']))}"
            for c in calls
        ]
    text = re.sub(r"\\\n\s*", " ", text)
    return [
        line.strip() for line in text.splitlines()[:_MAX_LINES] if not line.lstrip().startswith("#")
    ]


def _take(said: Said, path: str, line: str, script: str) -> None:
    if versions := _VERSIONS.match(line):
        said.minors |= {int(minor) for minor in re.findall(r"3\.(\d+)", versions[1])}
        said.minors |= {int(minor) for minor in re.findall(r"\bpy3(\d+)\b", versions[1])}
    command = re.sub(
        r"^(?:-\s*)?(?:run|script|commands|test|install)\s*[:=]\s*\|?", "", line
    ).strip()
    if path.endswith(".md") and not re.match(
        r"(?:\$ )?(?:python|pytest|\./|tox|make|npm|go |cargo )", command
    ):
        return
    if found := _INSTALL.search(command):
        said.installs += _arguments(found["what"])
    elif any(p.search(command) for p in _RUNNERS.values()) or (
        script and script.rsplit("/", 1)[-1] in command
    ):
        said.calls.append((path, command[:200]))


def _arguments(text: str) -> list[str]:
    text = re.split(r"\s(?:&&|\|\||;|\||#|>)", f"{text} ")[0]
    try:
        words = shlex.split(text)
    except ValueError:
        return []
    found: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        if before in ("-r", "--requirement"):
            found.append(f"-r{word}")
        elif before not in (
            "-c",
            "--constraint",
            "-f",
            "--find-links",
            "-i",
            "--index-url",
            "--extra-index-url",
        ):
            found += [] if word.startswith("-") else [word]
    return found


def _strings(arguments: str) -> list[str]:
    return [found[1] for found in re.finditer(r"['\"]([^'\"\n]*)['\"]", arguments)]
