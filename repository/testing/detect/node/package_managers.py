"""The commands that install a package's dependencies, without running their scripts.

Only npm must be on the machine: it fetches other package managers from the registry, in the version
that the repository names, or in the newest that reads its lock file.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from repository.testing.detect.node.outside import install_without
from repository.testing.detect.node.package_json import PackageJson
from repository.testing.detect.tree import Tree

_LOCK_VERSION = re.compile(r"^lockfileVersion:\s*['\"]?(\d+)", re.M)
_YARN_LOCK_VERSION = re.compile(r"^__metadata:[ \t\r]*\n[ \t]+version:[ \t]*(\d+)", re.M)
_MANAGER = re.compile(r"(\w+)@(\d+[\w.-]*)")
_YARN_FILE = re.compile(r"^yarnPath:\s*\S*yarn-(\d+\.\d+\.\d+)\.cjs", re.M)
_PNPM_BY_LOCK = {"5": "7", "6": "8", "9": "9"}
_YARN_BY_LOCK = {"4": "2", "5": "3", "6": "3", "8": "4"}

_QUIET = "--ignore-scripts --no-audit --no-fund"
_BY_DATE = f"npm install {_QUIET} --no-package-lock --before=$BEFORE"
_NEWEST = f"npm install {_QUIET} --no-package-lock --legacy-peer-deps"
_NEWEST_NOTE = "[not as of the commit's day, but the newest versions that the package.json allows]"
_NPM_INSTALL = (
    f'{{ {_BY_DATE} || {_BY_DATE} --legacy-peer-deps || {{ echo "{_NEWEST_NOTE}"; {_NEWEST}; }}; }}'
)
_NPM_CI = f"{{ npm ci {_QUIET} || npm ci {_QUIET} --legacy-peer-deps; }}"
_FALLBACK_NOTE = "[the lock file does not fit the package.json: installing without it]"
_VARIABLES = (
    "export npm_config_engine_strict=false NPM_TOKEN=none NODE_AUTH_TOKEN=none GITHUB_TOKEN=none;"
)
"""Package managers refuse settings that name a variable which is not set."""
_PNPM_SETTINGS = (
    "export npm_config_manage_package_manager_versions=false"
    " npm_config_package_manager_strict=false npm_config_confirm_modules_purge=false; "
)
_PNPM_LOCK = (
    'cp pnpm-lock.yaml "$KEPT/pnpm-lock.yaml"; sed -i "/^pnpmfileChecksum:/d" pnpm-lock.yaml; '
)
"""The repository's .pnpmfile.cjs is code, so it is not run; what it changes is in the lock file,
with a checksum that would be missed."""
_BERRY_SETTINGS = (
    "export YARN_NODE_LINKER=node-modules YARN_ENABLE_SCRIPTS=false YARN_ENABLE_TELEMETRY=0"
    " YARN_IGNORE_PATH=1 YARN_ENABLE_GLOBAL_CACHE=false YARN_ENABLE_HARDENED_MODE=0"
    " YARN_UNSAFE_HTTP_WHITELIST=127.0.0.1"
    ' YARN_NPM_REGISTRY_SERVER="${npm_config_registry%/}"; '
)
_CLASSIC_LOCK = (
    'cp yarn.lock "$KEPT/yarn.lock";'
    r' sed -i "s#resolved \"https\?://[^/]*/#resolved \"${npm_config_registry%/}/#" yarn.lock; '
)
"""Classic yarn downloads from the hosts in the lock file, not from the configured registry."""


@dataclass(frozen=True)
class _Installation:
    """The shell lines of a package manager."""

    unlocked: str
    """Installs what the package.json allows."""
    locked: str = ""
    """Installs what the lock file says; empty without one."""
    before: str = ""
    after: str = ""


def install_command(tree: Tree, package: PackageJson, members: Sequence[PackageJson] = ()) -> str:
    """Return the shell text that installs a package's dependencies, and those of its workspace.

    It is run in the package's folder.
    """
    installation = _choose(tree, package)
    attempts = [installation.unlocked]
    if installation.locked:
        attempts = [installation.locked, f"{{ echo '{_FALLBACK_NOTE}'; {installation.unlocked}; }}"]
    without = install_without(tree, [package, *members], installation.unlocked)
    if without is not None:
        attempts.append(f"{{\n{without}}}")
    install = " || ".join(attempts)
    if installation.after:
        install = f"{{ {install}; }}; code=$?; {installation.after}; (exit $code)"
    return f"{_VARIABLES} {installation.before}{install}"


def _choose(tree: Tree, package: PackageJson) -> _Installation:
    prefix = f"{package.folder}/" if package.folder else ""
    names = {path.removeprefix(prefix) for path in tree.sizes if path.startswith(prefix)}
    manager = package.package_manager.partition("@")[0]
    if "pnpm-lock.yaml" in names or manager == "pnpm" or "pnpm-workspace.yaml" in names:
        return _pnpm(package, tree.text(f"{prefix}pnpm-lock.yaml"))
    if "yarn.lock" in names:
        lock = tree.text(f"{prefix}yarn.lock")
        return _yarn(package, lock, tree.text(f"{prefix}.yarnrc.yml"))
    if "package-lock.json" in names or "npm-shrinkwrap.json" in names:
        return _Installation(_NPM_INSTALL, locked=_NPM_CI)
    return _Installation(_NPM_INSTALL)


def _pnpm(package: PackageJson, lock: str) -> _Installation:
    lock_version = _LOCK_VERSION.search(lock)
    version = _named_version(package, "pnpm")
    if version is None:
        version = _PNPM_BY_LOCK.get(lock_version[1] if lock_version else "9", "9")
    pnpm = (
        f"npm exec --yes --package=pnpm@{version} -- pnpm install --ignore-scripts"
        " --ignore-pnpmfile"
    )
    unlocked = f"{pnpm} --no-frozen-lockfile"
    if not lock:
        return _Installation(unlocked, before=_PNPM_SETTINGS)
    return _Installation(
        unlocked,
        locked=f"{pnpm} --frozen-lockfile",
        before=_PNPM_SETTINGS + _PNPM_LOCK,
        after='mv "$KEPT/pnpm-lock.yaml" .',
    )


def _yarn(package: PackageJson, lock: str, settings: str) -> _Installation:
    lock_version = _YARN_LOCK_VERSION.search(lock)
    if lock_version is None and not settings:
        return _yarn_classic()
    file = _YARN_FILE.search(settings)
    version = _named_version(package, "yarn") or (file[1] if file else None)
    if version is None:
        version = _YARN_BY_LOCK.get(lock_version[1] if lock_version else "8", "4")
    yarn = f"npm exec --yes --package=@yarnpkg/cli-dist@{version} -- yarn install"
    return _Installation(
        f"{yarn} --no-immutable",
        locked=f"{yarn} --immutable",
        before=_BERRY_SETTINGS,
    )


def _yarn_classic() -> _Installation:
    yarn = (
        "npm exec --yes --package=yarn@1 -- yarn install --ignore-scripts --non-interactive"
        " --ignore-engines"
    )
    return _Installation(
        f"{yarn} --pure-lockfile",
        locked=f"{yarn} --frozen-lockfile",
        before=_CLASSIC_LOCK,
        after='mv "$KEPT/yarn.lock" .',
    )


def _named_version(package: PackageJson, manager: str) -> str | None:
    """Return the version of the manager that the field ``packageManager`` names."""
    match = _MANAGER.match(package.package_manager)
    if match is None or match[1] != manager or match[2].startswith("1."):
        return None
    return match[2]
