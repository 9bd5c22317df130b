"""The shell text that builds what tests of JavaScript and TypeScript run, such as compiled sources.

When the environment is built, each package's lines are run. In a test run, they are run again only
for packages with a file that is newer, that use a package with one, or that a newer file outside of
them may configure. A line that fails on the base commit may fail with a change, too: the tests run
on what there is, and the report has an error, without the change as with it.
"""

import shlex
from collections.abc import Sequence
from pathlib import PurePosixPath

from repository.testing.node_project import NodeProject

_FUNCTIONS = """\
find_newer() {  # folders: what in them is newer than $built?
  find "$@" \\( -name node_modules -o -name .git -o -name .coding-agent-kept \\) -prune \\
    -o -newer "$built" -print
}
find_newer_configuration() {
  find_newer "$ROOT" | grep -E '/[^/]*config[^/]*$|/\\.[^/]*rc(\\.[^/]*)?$|/babel\\.[^/]*$'
  above=$PWD
  while [ -n "$above" ] && [ "$above" != "$ROOT" ]; do
    above=${above%/*}
    find "$above" -maxdepth 1 -type f -newer "$built" ! -name '*.md'
  done
}
is_changed() {  # number, folders of the packages that it uses
  built="$KEPT/built-$1"
  shift
  [ -e "$built" ] || return 0
  [ -n "$({ find_newer . "$@"; find_newer_configuration; } | head -n 1)" ]
}
step() {  # number of the step, line
  echo "$ $2"
  if (eval "$2") < /dev/null; then rm -f "$KEPT/failed-$1"; return 0; fi
  [ -e "$KEPT/failed-$1" ] && return 0
  if [ -n "$BUILDING" ]; then touch "$KEPT/failed-$1"; return 0; fi
  printf '{"unfinished": "building"}\\n' >> "$REPORT/node.jsonl"
  exit 1
}
use_folder() {  # folder; its programs, and those of the folders above, come first
  cd "$ROOT/$1" || exit 1
  PATH=$ORIGINAL_PATH
  folder=$ROOT
  PATH="$folder/node_modules/.bin:$PATH"
  IFS=/
  for part in $1; do folder="$folder/$part"; PATH="$folder/node_modules/.bin:$PATH"; done
  unset IFS
  export PATH
}
report_failures() {  # numbers of packages: which lines still fail as on the base?
  for number in "$@"; do
    for mark in "$KEPT/failed-$number."*; do
      [ -e "$mark" ] || continue
      printf '{"unfinished": "a part of the build"}\\n' >> "$REPORT/node.jsonl"
    done
  done
}
KEPT="$ROOT/.coding-agent-kept"
mkdir -p "$KEPT"
ORIGINAL_PATH=$PATH
"""


def build_script(projects: Sequence[NodeProject]) -> str:
    """Return the text that builds all packages when the environment is built."""
    numbers = [number for number, project in enumerate(projects) if project.preparation]
    blocks = [_block(number, projects[number]) for number in numbers]
    # Whatever a later build wrote is no reason to repeat an earlier one.
    finish = 'touch "$KEPT"/built-*\n'
    return "".join(["ROOT=$PWD\n", _FUNCTIONS, "BUILDING=1\n", *blocks, finish])


def preparation_script(projects: Sequence[NodeProject], folder: str) -> str:
    """Return the text that prepares a test run in a folder, which is the working directory."""
    blocks = [_block(number, projects[number]) for number in _needed(projects, folder)]
    enter = f"use_folder {shlex.quote(folder)}\n"
    above = "/".join(".." for _ in PurePosixPath(folder).parts)
    root = f"ROOT=$(cd ./{above} && pwd)\n"
    return "".join([root, _FUNCTIONS, "BUILDING=\n", *blocks, enter])


def failures_script(projects: Sequence[NodeProject], folder: str) -> str:
    """Return the text that reports, after a test run in a folder, which lines did not build."""
    numbers = " ".join(map(str, _needed(projects, folder)))
    return f"report_failures {numbers}\n" if numbers else ""


def _needed(projects: Sequence[NodeProject], folder: str) -> list[int]:
    """Return the numbers of the projects that are built for the tests in a folder."""
    return [
        number
        for number, project in enumerate(projects)
        if project.preparation and (project.folder == folder or not project.commands)
    ]


def _block(number: int, project: NodeProject) -> str:
    steps = [
        f"  step {number}.{position} {shlex.quote(line)}\n"
        for position, line in enumerate(project.preparation)
    ]
    used = "".join(f' "$ROOT"/{shlex.quote(folder)}' for folder in project.uses)
    return (
        f"use_folder {shlex.quote(project.folder)}\n"
        f"if is_changed {number}{used}; then\n{''.join(steps)}"
        f'  touch "$KEPT/built-{number}"\n'
        "fi\n"
    )
