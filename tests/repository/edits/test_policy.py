"""The policy for the files that a reply may write."""

import pytest

from repository.config import read_edit_rules
from repository.edits.apply_reply import AppliedReply
from repository.edits.model import EditFailed
from repository.edits.policy import EditPolicy, read_policy
from tests.repository.edits import applying


def block(path: str, search: str, replacement: str) -> str:
    return applying.block(f"`{path}`", search, replacement)


def applied(
    reply: str, files: dict[str, bytes], config: str = "", protected: tuple[str, ...] = ()
) -> AppliedReply:
    return applying.apply_to_bytes(reply, files, EditPolicy(read_edit_rules(config), protected))


def refusal(
    reply: str, files: dict[str, bytes], config: str = "", protected: tuple[str, ...] = ()
) -> str:
    policy = EditPolicy(read_edit_rules(config), protected)
    return applying.refusal_of_bytes(reply, files, policy)


PROTECTED = {
    "CI settings": (
        ".gitlab-ci.yml",
        "sub/.GitLab-CI.yml",
        ".circleci/config.yml",
        ".github/actions/x/action.yml",
        "Jenkinsfile",
        "Jenkinsfile.release",
        ".forgejo/workflows/ci.yml",
        ".husky/pre-commit",
    ),
    "reviewers": (".github/CODEOWNERS", "pkg/OWNERS"),
    "lock files": ("poetry.lock", "web/package-lock.json", "go.sum", ".terraform.lock.hcl"),
    "secrets": (
        ".env",
        "config/.env.production",
        "deploy/id_rsa",
        "deploy/id_ed25519_bot",
        "tls/site.PEM",
        ".aws/credentials",
        "credentials.json",
        "config/secrets.yml",
        "config/master.key",
        ".npmrc",
    ),
    "generated files": (
        "a/node_modules/b/c.js",
        "api/v1_pb2.py",
        "dist/app.js.map",
        "dist/app.min.css",
        "a.egg-info/PKG-INFO",
    ),
    "editors and agents": (
        ".vscode/tasks.json",
        "web/.VSCode/settings.json",
        ".devcontainer/devcontainer.json",
        ".devcontainer.json",
        ".envrc",
        ".idea/runConfigurations/a.xml",
        "all.code-workspace",
        ".claude/settings.json",
        ".cursor/rules/a.mdc",
        ".mcp.json",
        "AGENTS.md",
        "pkg/Claude.md",
        ".github/copilot-instructions.md",
        ".windsurfrules",
        "mise.toml",
    ),
    "merge and release bots": (
        ".mergify.yml",
        ".github/mergify.yml",
        "renovate.json",
        ".renovaterc.json5",
        ".github/settings.yml",
        ".github/scripts/release.sh",
        "action.yml",
        "setup/action.yaml",
        ".releaserc",
        "release.config.mjs",
        ".goreleaser.yml",
        "lefthook.yml",
        ".githooks/pre-commit",
        ".changeset/config.json",
    ),
    "wrappers": (
        ".gitattributes",
        "sub/.gitattributes",
        ".lfsconfig",
        ".yarnrc.yml",
        ".yarn/releases/yarn-4.0.0.cjs",
        ".pnpmfile.cjs",
        "gradlew",
        "gradle/wrapper/gradle-wrapper.properties",
        "MVNW.cmd",
        ".mvn/wrapper/maven-wrapper.properties",
        ".cargo/config.toml",
        "sitecustomize.py",
    ),
}
"""Group -> paths in it."""
NOT_PROTECTED = (
    "src/env.py",
    "docs/locks.md",
    "ci.py",
    "keys/readme.md",
    # Secrets are recognized by the names of files, not of folders, nor of code about them.
    "src/credentials/provider.py",
    "src/credentials.py",
    "id_rsa_parser.py",
    "tests/data/id_rsa.pub",
    ".env.example",
    ".env.production.sample",
    ".env.d.ts",
    "chart/templates/secrets.yaml",
    "app/locales/de/secrets.json",
    "messages/de.key",
    # These names only resemble those of generated files or lock files.
    "levels/cave.map",
    "src/lock.py",
    "src/node_modules.py",
    "dist.egg-info.md",
    # Nor do these run by themselves.
    "src/owners/list.py",
    "docs/vscode/tasks.json",
    "src/action.yml.py",
    ".github/ISSUE_TEMPLATE/bug.yml",
    ".github/pull_request_template.md",
    ".changeset/brave-cats-sing.md",
    "gradle/libs.versions.toml",
    "cargo/config.toml",
    "src/agents.py",
    ".gitignore",
    ".editorconfig",
    ".yarn/versions/1.yml",
    # Windows accepts these.
    "console.py",
    "auxiliary.c",
    "com10.txt",
    "null.txt",
)


def reason_against(path: str, config: str = "") -> str:
    """Return why a new file with this path is refused; empty if it is written."""
    policy = EditPolicy(read_edit_rules(config))
    try:
        policy.check_change({path: None}, {path: "a\n"})
    except EditFailed as error:
        return str(error)
    return policy.refusal(path) or ""


@pytest.mark.parametrize("group", PROTECTED)
def test_a_protected_file_is_refused_with_its_group_and_the_repository_can_allow_it(group):
    for path in PROTECTED[group]:
        message = reason_against(path)
        assert f"`{path}` is protected by the group `{group}`" in message
        assert "[edits] allowed in .coding-agent.toml" in message
        for entry in (group, path):
            assert not reason_against(path, f'[edits]\nallowed = ["{entry}"]\n')


@pytest.mark.parametrize("path", [".coding-agent.toml", ".gitmodules"])
def test_no_repository_can_allow_the_files_that_say_what_this_service_may_do(path):
    config = f'[edits]\nallowed = ["{path}", "*"]\n'
    assert "only a person may change it" in refusal(block(path, "", "x\n"), {}, config)


@pytest.mark.parametrize("path", NOT_PROTECTED)
def test_paths_that_only_look_protected_are_written(path):
    assert not reason_against(path)


@pytest.mark.parametrize(
    "path", ["CON", "src/aux.py", "NUL.txt", "com1.log", "a/LPT9", "foo./x", "a?.txt", "GITHUB~1/x"]
)
def test_a_new_file_that_windows_cannot_check_out_is_refused_but_an_existing_one_is_edited(path):
    assert "Windows" in refusal(block(path, "", "x\n"), {}) or path == "foo./x"
    assert applied(block(path, "x\n", "y\n"), {path: b"x\n"}).files


def test_the_content_tells_keys_from_other_files():
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n"
    assert "`secrets`" in refusal(block("deploy/site.key", "", key), {})
    assert "`secrets`" in refusal(block("deploy/site.txt.bak", "", key), {})
    assert "`secrets`" in refusal(block("a.key", "", "0123456789abcdef0123456789abcdef\n"), {})
    assert applied(block("messages/de.key", "", "greeting = Hallo\n"), {}).files
    assert applied(block("tests/test_keys.py", "", f"KEY = '''{key}'''\n"), {}).files


def test_a_script_that_only_has_the_name_of_a_wrapper_is_edited():
    own = b"#!/bin/sh\nJAVA_OPTS=-Xmx1g\n"
    reply = block("gradlew", "JAVA_OPTS=-Xmx1g\n", "JAVA_OPTS=-Xmx2g\n")
    assert applied(reply, {"gradlew": own}).files
    generated = own + b"exec java -classpath gradle/wrapper/gradle-wrapper.jar\n"
    assert "`wrappers`" in refusal(reply, {"gradlew": generated})


def test_a_repository_can_allow_only_paths_protected_by_default():
    config = (
        '[edits]\nprotected = ["docs/legal/*", "*.sql"]\nallowed = ["go.sum",'
        ' ".github/workflows/*", "src/*"]\n'
    )
    assert applied(block("go.sum", "", "x\n"), {}, config).files
    for path in ("docs/legal/terms.md", "db/Init.SQL"):
        assert "the repository's" in refusal(block(path, "", "x\n"), {}, config)
    assert "workflows" in refusal(block(".github/workflows/ci.yml", "", "x\n"), {}, config)
    assert "the deployment protects `src`" in refusal(
        block("src/a.py", "", "x\n"), {}, config, ("src",)
    )


def test_a_change_too_large_to_review_is_refused_with_its_size():
    many = "".join(block(f"f{n}.txt", "", "x\n") for n in range(3))
    assert "3 files; at most 2" in refusal(many, {}, "[edits]\nmax_files = 2\n")
    assert "4 lines; at most 3" in refusal(
        block("a.txt", "a\nb\n", "c\nd\n"), {"a.txt": b"a\nb\n"}, "[edits]\nmax_lines = 3\n"
    )


def test_a_generated_file_is_not_changed():
    data = b"// Code generated by protoc. DO NOT EDIT.\na\n"
    assert "generated" in refusal(block("x.go", "a\n", "b\n"), {"x.go": data})
    assert applied(
        block("x.go", "a\n", "b\n"), {"x.go": data}, '[edits]\nallowed = ["*.go"]\n'
    ).files


def test_an_invalid_configuration_leaves_the_default_rules_and_a_notice():
    policy = read_policy("[edits]\nmax_files = 0\n", ("src",))
    assert policy.notices
    assert "[edits] max_files" in policy.notices[0]
    assert policy.refusal("docs/a.md") is None
    assert "deployment" in (policy.refusal("src/a.py") or "")
    assert "`lock files`" in (policy.refusal("go.sum") or "")
