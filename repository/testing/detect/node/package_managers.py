"""The commands that install a package's dependencies, without running their scripts.

Only npm must be on the machine: it fetches other package managers from the registry, in the version
that the repository names, or in the newest that reads its lock file.
"""

import re

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


def install_command(tree: Tree, package: PackageJson) -> str:
    """Return the shell line that installs a package's dependencies, and those of its workspace.

    It is run in the package's folder.
    """
    prefix = f"{package.folder}/" if package.folder else ""
    names = {path.removeprefix(prefix) for path in tree.sizes if path.startswith(prefix)}
    manager = package.package_manager.partition("@")[0]
    if "pnpm-lock.yaml" in names or manager == "pnpm" or "pnpm-workspace.yaml" in names:
        command = _pnpm(package, tree.text(f"{prefix}pnpm-lock.yaml"))
    elif "yarn.lock" in names:
        command = _yarn(package, tree.text(f"{prefix}yarn.lock"), tree.text(f"{prefix}.yarnrc.yml"))
    elif "package-lock.json" in names or "npm-shrinkwrap.json" in names:
        command = _with_fallback(_NPM_CI, _NPM_INSTALL)
    else:
        command = _NPM_INSTALL
    return f"{_VARIABLES} {command}"


def _pnpm(package: PackageJson, lock: str) -> str:
    lock_version = _LOCK_VERSION.search(lock)
    version = _named_version(package, "pnpm")
    if version is None:
        version = _PNPM_BY_LOCK.get(lock_version[1] if lock_version else "9", "9")
    pnpm = (
        f"npm exec --yes --package=pnpm@{version} -- pnpm install --ignore-scripts"
        " --ignore-pnpmfile"
    )
    if not lock:
        return f"{_PNPM_SETTINGS}{pnpm} --no-frozen-lockfile"
    frozen = f"{pnpm} --frozen-lockfile"
    install = _with_fallback(frozen, f"{pnpm} --no-frozen-lockfile")
    return (
        f'{_PNPM_SETTINGS}{_PNPM_LOCK}{install}; code=$?; mv "$KEPT/pnpm-lock.yaml" .; (exit $code)'
    )


def _yarn(package: PackageJson, lock: str, settings: str) -> str:
    lock_version = _YARN_LOCK_VERSION.search(lock)
    if lock_version is None and not settings:
        return _yarn_classic()
    file = _YARN_FILE.search(settings)
    version = _named_version(package, "yarn") or (file[1] if file else None)
    if version is None:
        version = _YARN_BY_LOCK.get(lock_version[1] if lock_version else "8", "4")
    yarn = f"npm exec --yes --package=@yarnpkg/cli-dist@{version} -- yarn install"
    return _BERRY_SETTINGS + _with_fallback(f"{yarn} --immutable", f"{yarn} --no-immutable")


def _yarn_classic() -> str:
    yarn = (
        "npm exec --yes --package=yarn@1 -- yarn install --ignore-scripts --non-interactive"
        " --ignore-engines"
    )
    install = _with_fallback(f"{yarn} --frozen-lockfile", f"{yarn} --pure-lockfile")
    return f'{_CLASSIC_LOCK}{install}; code=$?; mv "$KEPT/yarn.lock" .; (exit $code)'


def _named_version(package: PackageJson, manager: str) -> str | None:
    """Return the version of the manager that the field ``packageManager`` names."""
    match = _MANAGER.match(package.package_manager)
    if match is None or match[1] != manager or match[2].startswith("1."):
        return None
    return match[2]


def _with_fallback(command: str, fallback: str) -> str:
    return f"{{ {command} || {{ echo '{_FALLBACK_NOTE}'; {fallback}; }}; }}"
