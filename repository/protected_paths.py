"""The paths that a change may not write by default, in groups that a repository can allow.

A pattern matches the end of a path, ignoring case: ``a/b`` also matches ``web/a/b``. ``*`` is any
text within one part. A pattern that ends with a slash matches everything in such a folder; any
other matches a file.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from repository.files import Kind, kind_of


@dataclass(frozen=True)
class Group:
    """Files that are protected for the same reason."""

    name: str
    """Also the name by which ``[edits] allowed`` lifts the whole group."""
    reason: str
    patterns: tuple[str, ...]
    exceptions: tuple[str, ...] = ()
    """Patterns of files that are not protected although ``patterns`` match them."""
    spares_code: bool = False
    """Whether source code is never in this group, whatever its name."""


@dataclass(frozen=True)
class Protection:
    """Why a path is protected."""

    group: Group
    rule: str
    """The pattern or the property of the content that matched."""


_SAMPLES = (
    "*.example",
    "*.sample",
    "*.template",
    "*.tmpl",
    "*.tpl",
    "*.dist",
    "*.default",
    "*.defaults",
    "*.schema",
    "*.j2",
    "*.md",
)
"""Patterns of files that show which secrets are needed, without their values."""

CI_SETTINGS = Group(
    "CI settings",
    "they decide what runs with the repository's secrets",
    (
        ".github/actions/",
        ".github/dependabot.y*ml",
        ".gitea/workflows/",
        ".forgejo/workflows/",
        ".gitlab-ci*.y*ml",
        ".gitlab/ci/",
        ".gitlab/workflows/",
        ".circleci/",
        ".travis.y*ml",
        ".buildkite/",
        ".build.yml",
        ".builds/",
        "azure-pipelines*.y*ml",
        ".azure-pipelines/",
        ".azuredevops/",
        "bitbucket-pipelines.y*ml",
        "jenkinsfile*",
        ".jenkins/",
        "appveyor.y*ml",
        ".appveyor.y*ml",
        ".drone.y*ml",
        ".drone.star",
        ".drone.jsonnet",
        ".woodpecker.y*ml",
        ".woodpecker/",
        ".cirrus.y*ml",
        ".cirrus.star",
        ".semaphore/",
        ".teamcity/",
        ".tekton/",
        ".harness/",
        ".vela.y*ml",
        ".zuul.y*ml",
        "zuul.d/",
        "bamboo-specs/",
        "codefresh.y*ml",
        "wercker.y*ml",
        "cloudbuild.y*ml",
        "cloudbuild.json",
        "buildspec*.y*ml",
        ".pre-commit-config.y*ml",
        ".pre-commit-hooks.y*ml",
        ".husky/",
    ),
)
REVIEWERS = Group(
    "reviewers", "it decides who must approve a change", ("codeowners", "owners", "owners_aliases")
)
LOCK_FILES = Group(
    "lock files",
    "a tool writes them, and they decide which code is installed",
    (
        "*.lock",
        "*.lockb",
        "*.lockfile",
        "*.lock.hcl",
        "package-lock.json",
        "npm-shrinkwrap.json",
        "pnpm-lock.y*ml",
        "pylock.toml",
        "pylock.*.toml",
        "conda-lock.y*ml",
        "go.sum",
        "go.work.sum",
        "package.resolved",
        "cartfile.resolved",
        "packages.lock.json",
    ),
)
SECRETS = Group(
    "secrets",
    "such files usually hold secrets",
    (
        ".env",
        ".env.*",
        "*.pem",
        "*.p8",
        "*.p12",
        "*.pfx",
        "*.ppk",
        "*.kdbx",
        "*.keystore",
        "*.jks",
        "id_rsa",
        "id_rsa[_-]*",
        "id_dsa",
        "id_ecdsa",
        "id_ecdsa[_-]*",
        "id_ed25519",
        "id_ed25519[_-]*",
        "master.key",
        "config/credentials/*.key",
        ".npmrc",
        ".pypirc",
        ".netrc",
        "_netrc",
        ".git-credentials",
        ".htpasswd",
        ".pgpass",
        ".my.cnf",
        ".s3cfg",
        ".boto",
        ".dockercfg",
        ".docker/config.json",
        ".kube/config",
        "kubeconfig",
        ".vault-token",
        ".vault_pass",
        ".vault_pass.txt",
        "credentials",
        "*.tfstate",
        "*.tfstate.backup",
    ),
    exceptions=(
        ".env.d.ts",
        "*.pub",
        *_SAMPLES,
    ),
    spares_code=True,
)
SECRET_DATA = Group(
    SECRETS.name,
    SECRETS.reason,
    (
        "credentials.json",
        "credentials.y*ml",
        "credentials.toml",
        "client_secret*.json",
        "service[_-]account*.json",
        "secrets.json",
        "secrets.toml",
        "secrets.y*ml",
        "secrets.*.y*ml",
    ),
    exceptions=(
        "*.schema.json",
        *_SAMPLES,
        # Helm's and other templates, schemas, and the messages of a user interface.
        "templates/",
        "schema/",
        "schemas/",
        "locale/",
        "locales/",
        "_locales/",
        "i18n/",
        "l10n/",
        "lang/",
        "langs/",
        "translations/",
    ),
)
GENERATED = Group(
    "generated files",
    "a tool writes them: change their source instead",
    (
        "*.min.js",
        "*.min.css",
        "*.js.map",
        "*.mjs.map",
        "*.cjs.map",
        "*.ts.map",
        "*.css.map",
        "*_pb2.py",
        "*_pb2.pyi",
        "*_pb2_grpc.py",
        "*.pb.go",
        "*.pb.gw.go",
        "*.pb.cc",
        "*.pb.h",
        "*.g.dart",
        "*.freezed.dart",
        "*.egg-info",
        "*.pyc",
        "node_modules/",
        "__pycache__/",
        "*.egg-info/",
    ),
)
EDITORS_AND_AGENTS = Group(
    "editors and agents",
    "editors and coding agents run them or obey them as soon as the folder is opened",
    (
        ".vscode/",
        "*.code-workspace",
        ".vs/",
        ".idea/",
        ".run/",
        ".fleet/",
        ".zed/",
        ".nova/",
        ".theia/",
        "*.sublime-project",
        ".devcontainer/",
        ".devcontainer.json",
        "devcontainer.json",
        ".gitpod.*",
        ".gitpod/",
        ".replit",
        "replit.nix",
        ".idx/",
        ".envrc",
        ".envrc.*",
        "mise.toml",
        ".mise.toml",
        "mise.*.toml",
        ".mise.*.toml",
        ".mise/",
        ".config/mise/",
        ".exrc",
        ".nvimrc",
        ".nvim.lua",
        ".lvimrc",
        ".vimrc",
        ".dir-locals.el",
        ".dir-locals-2.el",
        ".gdbinit",
        ".lldbinit",
        ".pdbrc",
        ".claude/",
        ".claude-plugin/",
        "claude.md",
        "claude.local.md",
        ".codex/",
        "agent.md",
        "agents.md",
        "agents.override.md",
        ".agent/",
        ".agents/",
        ".cursor/",
        ".cursor-plugin/",
        ".cursorrules",
        ".cursorignore",
        ".mcp.json",
        "mcp.json",
        ".mcp/",
        ".github/copilot-instructions.md",
        "copilot-instructions.md",
        ".github/instructions/",
        ".github/prompts/",
        ".github/chatmodes/",
        ".github/agents/",
        ".github/skills/",
        ".github/hooks/",
        ".copilot/",
        ".gemini/",
        "gemini.md",
        "qwen.md",
        ".qwen/",
        ".windsurf/",
        ".windsurfrules",
        ".codeium/",
        ".clinerules",
        ".clinerules/",
        ".cline/",
        ".roo/",
        ".roorules*",
        ".roomodes",
        ".kilocode/",
        ".kiro/",
        ".junie/",
        ".amazonq/",
        ".augment/",
        ".augment-guidelines",
        ".trae/",
        ".continue/",
        ".continuerc.json",
        ".continuerules",
        ".aider*",
        ".goose/",
        ".goosehints",
        ".openhands/",
        ".openhands_instructions",
        ".opencode/",
        "opencode.json",
        "opencode.jsonc",
        ".crush.json",
        "crush.json",
        "crush.md",
        "warp.md",
        ".rules",
        ".aiassistant/",
        ".tabnine/",
    ),
)
BOTS = Group(
    "merge and release bots",
    "bots with the right to merge, to publish or to run code obey them",
    (
        ".mergify.y*ml",
        ".mergify/",
        ".github/mergify.y*ml",
        "renovate.json",
        "renovate.json5",
        "renovate.jsonc",
        "renovate-config.js*",
        ".renovaterc",
        ".renovaterc.*",
        ".dependabot/",
        ".github/settings.y*ml",
        ".github/scripts/",
        ".github/labeler.y*ml",
        ".github/stale.y*ml",
        ".github/release.y*ml",
        ".github/release-drafter*.y*ml",
        ".github/auto[_-]*.y*ml",
        ".github/automerge.y*ml",
        ".github/boring-cyborg.y*ml",
        ".github/policies/",
        ".github/safe-settings/",
        ".github/suborgs/",
        "action.y*ml",
        ".asf.yaml",
        ".prow.y*ml",
        ".prow/",
        ".bors.toml",
        "bors.toml",
        ".kodiak.toml",
        ".bulldozer.y*ml",
        ".policy.yml",
        ".pullapprove.y*ml",
        ".palantir/",
        ".lgtm",
        ".releaserc",
        ".releaserc.*",
        "release.config.*",
        ".release-it.*",
        "release-please-config.json",
        ".release-please-manifest.json",
        ".release-please-config.json",
        ".goreleaser*.y*ml",
        "goreleaser*.y*ml",
        ".goreleaser/",
        ".changeset/config.json",
        ".changeset/*js",
        ".jreleaser.*",
        "jreleaser.y*ml",
        "lefthook.*",
        ".lefthook.*",
        "lefthook-local.*",
        ".lefthook-local.*",
        ".lefthook/",
        ".lefthook-local/",
        ".config/lefthook.*",
        ".overcommit.y*ml",
        ".git-hooks/",
        ".githooks/",
        ".huskyrc",
        ".huskyrc.*",
        ".simple-git-hooks.*",
        "simple-git-hooks.*",
        ".lintstagedrc",
        ".lintstagedrc.*",
        "lint-staged.config.*",
    ),
)
WRAPPERS = Group(
    "wrappers",
    "git, package managers and build tools run or obey them by themselves",
    (
        ".gitattributes",
        ".lfsconfig",
        ".yarnrc",
        ".yarnrc.y*ml",
        ".yarn/releases/",
        ".yarn/plugins/",
        ".yarn/sdks/",
        ".pnp.cjs",
        ".pnp.loader.mjs",
        ".pnpmfile.*",
        "pnpmfile.*",
        ".bunfig.toml",
        "bunfig.toml",
        "gradle/wrapper/",
        "gradle-wrapper.*",
        ".mvn/",
        ".cargo/config",
        ".cargo/config.toml",
        ".bundle/",
        ".bazeliskrc",
        "tools/bazel",
        "tools/bazel.bat",
        ".sbtopts",
        ".jvmopts",
        "sitecustomize.py",
        "usercustomize.py",
    ),
)
GROUPS = (
    CI_SETTINGS,
    REVIEWERS,
    LOCK_FILES,
    SECRETS,
    SECRET_DATA,
    GENERATED,
    EDITORS_AND_AGENTS,
    BOTS,
    WRAPPERS,
)


def protection_of(path: str) -> Protection | None:
    """Return the first group that a path is in; None if it is not protected by its name."""
    for group in GROUPS:
        rule = _rule_of(group, path)
        if rule is not None:
            return Protection(group, rule)
    return None


def matches_name(path: str, patterns: tuple[str, ...]) -> bool:
    """Return whether one of the patterns matches a path."""
    return _compiled(patterns).search(path) is not None


def is_secret(path: str) -> bool:
    """Return whether a file usually holds secrets, judging by its name."""
    return any(_rule_of(group, path) for group in (SECRETS, SECRET_DATA))


def _rule_of(group: Group, path: str) -> str | None:
    """Return the group's pattern that matches a path and to which there is no exception."""
    if not _compiled(group.patterns).search(path):
        return None
    if group.exceptions and _compiled(group.exceptions).search(path):
        return None
    if group.spares_code and kind_of(path) in (Kind.SOURCE, Kind.TEST):
        return None
    for pattern in group.patterns:
        if _compiled((pattern,)).search(path):
            return pattern
    return None


@cache
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    alternatives = "|".join(_expressions(patterns))
    return re.compile(rf"(?:^|/)(?:{alternatives})", re.I)


def _expressions(patterns: Iterable[str]) -> list[str]:
    expressions: list[str] = []
    for pattern in patterns:
        end = "" if pattern.endswith("/") else r"\Z"
        text = re.escape(pattern).replace(r"\*", "[^/]*").replace(r"\[_\-\]", "[_-]")
        expressions.append(text + end)
    return expressions
