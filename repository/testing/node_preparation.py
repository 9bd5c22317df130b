"""The shell text that builds what tests of JavaScript and TypeScript run, such as compiled sources.

When the environment is built, each package's lines are run. In a test run, they are run again only
for packages with a file that is newer, or that use a package with one. A line that fails on the
base commit says nothing about a change: from then on, its failure is ignored.
"""

import shlex
from collections.abc import Sequence
from pathlib import PurePosixPath

from repository.testing.node_project import NodeProject

_FUNCTIONS = """\
is_changed() {  # number, folders of the packages that it uses
  built="$KEPT/built-$1"
  shift
  [ ! -e "$built" ] || [ -n "$(find . "$@" \\( -name node_modules -o -name .git \\
    -o -name .coding-agent-kept \\) -prune -o -newer "$built" -print | head -n 1)" ]
}
step() {  # number of the step, line
  echo "$ $2"
  (eval "$2") < /dev/null && return 0
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
KEPT="$ROOT/.coding-agent-kept"
mkdir -p "$KEPT"
ORIGINAL_PATH=$PATH
"""


def build_script(projects: Sequence[NodeProject]) -> str:
    """Return the text that builds all packages when the environment is built."""
    numbers = [number for number, project in enumerate(projects) if project.preparation]
    blocks = [_block(number, projects[number]) for number in numbers]
    return "".join(["ROOT=$PWD\n", _FUNCTIONS, "BUILDING=1\n", *blocks])


def preparation_script(projects: Sequence[NodeProject], folder: str) -> str:
    """Return the text that prepares a test run in a folder, which is the working directory."""
    blocks: list[str] = []
    for number, project in enumerate(projects):
        is_needed = project.folder == folder or not project.commands
        if project.preparation and is_needed:
            blocks.append(_block(number, project))
    enter = f"use_folder {shlex.quote(folder)}\n"
    above = "/".join(".." for _ in PurePosixPath(folder).parts)
    root = f"ROOT=$(cd ./{above} && pwd)\n"
    return "".join([root, _FUNCTIONS, "BUILDING=\n", *blocks, enter])


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
