"""``coding-agent doctor``: what is missing, how to set it, and no secret shown."""

import contextlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline import settings as config
from pipeline.settings import Settings
from pipeline.store.sqlite import SqliteStore
from tests.cli.console import Console
from tests.stand_ins.aws import Aws
from tests.stand_ins.github import READ_TOKEN, WRITE_TOKEN, GithubStandIn
from tests.stand_ins.runs import claim, finish, park


@pytest.fixture(autouse=True)
def disk(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The disk that doctor sees, as the machine's may be full."""
    usage = SimpleNamespace(free=100e9, total=400e9)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    return usage


def test_each_missing_setting_is_shown_with_how_to_set_it(
    console: Console,
) -> None:
    result = console.run("doctor")
    assert result.exit_code == 2
    missing = [line for line in result.stdout.splitlines() if line.startswith("✗")]
    assert [line.split(":")[0].removeprefix("✗ ") for line in missing] == [
        "GITHUB_TOKEN",
        "CODING_AGENT_MODEL",
        "CODING_AGENT_QUEUE_URL",
        "CODING_AGENT_TOPIC_ARN",
    ]
    assert all(
        f"set {name}" in line
        for line in missing
        for name in [line.split(":")[0].removeprefix("✗ ")]
    )
    assert all(line.endswith("(for worker)") for line in missing[2:])


def test_every_setting_is_shown_with_its_value_and_source(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODING_AGENT_CONCURRENCY", "3")
    console.data_dir.mkdir(parents=True)
    (console.data_dir / ".env").write_text(
        "CODING_AGENT_MAX_ROUNDS=2\nCODING_AGENT_CONCURRENCY=7\n"
    )
    payload = console.json("doctor", "--json", code=2)
    rows = {row["variable"]: row for row in payload["settings"]}
    assert list(rows) == [config.variable(name) for name in Settings.model_fields]
    settings = {name: (row["value"], row["source"]) for name, row in rows.items()}
    assert settings["CODING_AGENT_CONCURRENCY"] == ("3", "environment"), (
        "the environment goes before .env"
    )
    assert settings["CODING_AGENT_MAX_ROUNDS"] == ("2", ".env")
    assert settings["CODING_AGENT_SANDBOX"] == ("auto", "default")
    assert settings["CODING_AGENT_DATA_DIR"] == (str(console.data_dir), "default")
    assert all(row["meaning"] for row in rows.values())


def test_the_current_folders_env_file_is_never_read(console: Console) -> None:
    (console.folder / ".env").write_text(
        "CODING_AGENT_MODEL=scripted:evil.md\nGITHUB_API_URL=https://evil.example\n"
    )
    result = console.run("doctor", "--all")
    assert "evil" not in result.stdout
    assert "CODING_AGENT_MODEL = (not set)  from default" in result.stdout


def test_env_file_names_the_file_to_read(console: Console) -> None:
    (console.folder / "mine.env").write_text("CODING_AGENT_MODEL=openai/gpt-4o\n")
    result = console.run("--env-file", "mine.env", "doctor")
    assert "CODING_AGENT_MODEL = openai/gpt-4o  from .env" in result.stdout
    assert "✗ OPENAI_API_KEY: set OPENAI_API_KEY: the key for openai/gpt-4o" in result.stdout


def test_an_option_is_shown_as_the_source(console: Console) -> None:
    result = console.run("--data-dir", console.folder / "data", "doctor")
    assert f"CODING_AGENT_DATA_DIR = {console.folder}/data  from --data-dir" in result.stdout


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_secrets_are_never_shown(
    console: Console, script: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-aSecretToo")
    monkeypatch.setenv("CODING_AGENT_MODEL", "openai/gpt-4o")
    result = console.run("doctor", *options)
    assert result.exit_code == 0, result.output
    assert "(set)" in result.output
    assert "Secret" not in result.output
    assert WRITE_TOKEN not in result.output


def test_exit_code_is_0_if_only_the_worker_lacks_something(console: Console, script: Path) -> None:
    payload = console.json("doctor", "--json")
    assert payload["ok"] is True
    wrong = {check["name"]: check["needed_for"] for check in payload["checks"] if not check["ok"]}
    assert wrong == {"CODING_AGENT_QUEUE_URL": "worker", "CODING_AGENT_TOPIC_ARN": "worker"}


def test_a_token_that_github_refuses_is_reported(
    console: Console, script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_revoked")
    result = console.run("doctor")
    assert result.exit_code == 2
    assert "✗ GITHUB_TOKEN: GitHub refused the credentials" in result.stdout
    assert "✓ GITHUB_TOKEN: (set)" in console.run("doctor", "--offline").stdout


def test_the_checks_come_before_the_settings_that_somebody_set(
    console: Console, script: Path
) -> None:
    lines = console.run("doctor").stdout.splitlines()
    shown = [line.split(" = ")[0] for line in lines if " = " in line]
    assert sorted(shown) == [
        "CODING_AGENT_MODEL",
        "CODING_AGENT_STRATEGY",
        "GITHUB_API_URL",
        "GITHUB_TOKEN",
    ]
    last_check = max(number for number, line in enumerate(lines) if line[:1] in "✓✗")
    first_setting = min(number for number, line in enumerate(lines) if " = " in line)
    assert last_check < first_setting
    assert lines[-1].endswith("settings with the default value: --all shows them")


def test_a_misspelt_setting_is_reported_with_the_right_name(
    console: Console, script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODING_AGENT_MODLE", "gpt-4o")
    monkeypatch.setenv("CODING_AGENT_[/]:x:", "neither markup nor an emoji")
    result = console.run("doctor")
    assert result.exit_code == 2
    assert "✗ CODING_AGENT_[/]:x:: there is no such setting" in result.stdout
    message = "✗ CODING_AGENT_MODLE: there is no such setting; did you mean CODING_AGENT_MODEL?"
    assert message in result.stdout
    monkeypatch.setenv("CODING_AGENT_CONCURRENCY", "many")
    with_another = console.run("doctor")
    assert message in with_another.stdout
    assert "✗ CODING_AGENT_CONCURRENCY: " in with_another.stdout


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("CODING_AGENT_GITHUB_TOKEN", "did you mean GITHUB_TOKEN?"),
        ("CODING_AGENT_REGION", "remove it"),
    ],
)
def test_only_a_setting_with_a_similar_name_is_suggested(
    console: Console, monkeypatch: pytest.MonkeyPatch, name: str, advice: str
) -> None:
    monkeypatch.setenv(name, "something")
    assert checks(console)[name]["mend"] == f"there is no such setting; {advice}"


def test_a_store_or_artifacts_where_no_folder_can_be_are_refused(
    console: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    monkeypatch.setenv("CODING_AGENT_STORE", f"sqlite:///{file}/store.sqlite")
    monkeypatch.setenv("CODING_AGENT_ARTIFACTS", str(file / "artifacts"))
    found = checks(console)
    for name in ("CODING_AGENT_STORE", "CODING_AGENT_ARTIFACTS"):
        assert found[name]["mend"] == f"{file} must be a writable folder"


def test_a_store_that_is_no_database_is_named(
    console: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "store.sqlite"
    file.write_bytes(b"not a database. " * 100)
    monkeypatch.setenv("CODING_AGENT_STORE", f"sqlite:///{file}")
    assert str(file) in checks(console)["events"]["mend"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--wait", "5"], "--wait is for the job of --aws"),
        (["--aws"], "--aws and --issue ISSUE_URL go together"),
        (
            ["--aws", "--issue", "https://github.com/octo/repo/issues/1", "--offline"],
            "--aws sends a job: leave out --online and --offline",
        ),
    ],
)
def test_options_without_effect_are_refused(
    console: Console, arguments: list[str], message: str
) -> None:
    assert console.refused("doctor", *arguments) == message


def test_doctor_creates_no_folder(console: Console, script: Path) -> None:
    assert console.run("--data-dir", console.folder / "typo/x", "doctor").exit_code == 0
    assert not (console.folder / "typo").exists()


def test_a_data_directory_on_a_full_disk_is_named_with_its_free_space(
    console: Console, script: Path, disk: SimpleNamespace
) -> None:
    disk.free = 0.4e9
    result = console.run("--data-dir", console.folder / "data", "doctor")
    assert result.exit_code == 2
    assert f"✗ data directory: {console.folder} has 0.4 GB free and needs 1 GB" in result.stdout


@pytest.mark.parametrize("name", ["", "data"])
def test_a_data_directory_that_is_a_file_or_below_one_is_named(
    console: Console, script: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("CODING_AGENT_DATA_DIR", str(script / name))
    result = console.run("doctor")
    assert result.exit_code == 2
    message = f"CODING_AGENT_DATA_DIR: must be a folder, and {script} is a file"
    assert message in result.stdout


def test_a_missing_script_is_named(console: Console, script: Path) -> None:
    script.unlink()
    assert f"✗ CODING_AGENT_MODEL: there is no file {script}" in console.run("doctor").stdout


def test_each_invalid_setting_has_its_own_line(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODING_AGENT_CONCURRENCY", "many")
    monkeypatch.setenv("GITHUB_API_URL", "http://github.example")
    result = console.run("doctor")
    assert result.exit_code == 2
    assert [line.split(":")[0] for line in result.stdout.split("\n") if line.startswith("✗")] == [
        "✗ CODING_AGENT_CONCURRENCY",
        "✗ GITHUB_API_URL",
    ]
    assert "must be an https address" in result.stdout


def test_interpreters_are_listed_by_version(
    console: Console, script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("python3.10", "python3.6", "python3.6m", "python3.6m-config", "python3.9-config"):
        (console.folder / name).touch()
    monkeypatch.setenv("CODING_AGENT_PYTHONS", str(console.folder))
    assert "✓ interpreters: python3.6, python3.10\n" in console.run("doctor").stdout


def test_a_missing_package_is_shown_with_how_to_install_it(
    console: Console, script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.checks.find_spec", lambda name: None if name == "github" else object())
    result = console.run("doctor")
    assert result.exit_code == 2
    assert "✗ PyGithub: install the extra 'github': " in result.stdout


def test_a_model_without_a_price_is_reported_with_the_line_that_sets_it(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODING_AGENT_MODEL", "hosted_vllm/our-coder")
    result = console.run("doctor")
    assert result.exit_code == 2
    assert "✗ price of hosted_vllm/our-coder: " in result.stdout
    assert "CODING_AGENT_MODEL_PRICES=hosted_vllm/our-coder=0/0" in result.stdout
    monkeypatch.setenv("CODING_AGENT_MODEL_PRICES", "hosted_vllm/our-coder=0/2.5")
    output = console.run("doctor").stdout
    price = "✓ price of hosted_vllm/our-coder: input $0, output $2.5 per million tokens"
    assert price in output
    assert "✓ settings of hosted_vllm/our-coder: text tool calls, chat API" in output
    address = "✗ HOSTED_VLLM_API_BASE: set HOSTED_VLLM_API_BASE: the server's address for"
    assert f"{address} hosted_vllm/our-coder" in output


def test_a_mistake_in_the_settings_of_models_is_reported(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = console.folder / "models.yaml"
    file.write_text("gpt-4o: {price: {input: 1}}")
    monkeypatch.setenv("CODING_AGENT_MODEL", "openai/gpt-4o")
    monkeypatch.setenv("CODING_AGENT_MODELS", str(file))
    assert f"{file}: gpt-4o: price.output: " in console.run("doctor").stdout


def test_queue_dead_letter_queue_and_topic_must_exist(
    console: Console, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = aws.make_queue()
    monkeypatch.setenv("CODING_AGENT_QUEUE_URL", queue.url)
    monkeypatch.setenv("CODING_AGENT_TOPIC_ARN", f"{aws.make_topic()}x")
    assert f"✓ dead-letter queue: {queue.dead_letters_url}" in console.run("doctor").stdout
    monkeypatch.setenv("CODING_AGENT_QUEUE_URL", f"{aws.endpoint}/123456789012/nowhere")
    result = console.run("doctor")
    assert result.exit_code == 2, "the worker could not run"
    assert "✗ queue: " in result.stdout
    assert "x: AWS has no such topic: check CODING_AGENT_TOPIC_ARN" in result.stdout
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in console.run("doctor").stdout


def _checks(console: Console, *arguments: str) -> dict[str, str]:
    """Return the detail or the hint of each check of ``doctor --repo octo/sample``."""
    result = console.run("doctor", "--repo", "octo/sample", "--json", *arguments)
    checks = json.loads(result.stdout)["checks"]
    assert result.exit_code == (
        0 if all(c["ok"] or c["needed_for"] == "worker" for c in checks) else 2
    )
    return {check["name"]: check["found"] if check["ok"] else check["mend"] for check in checks}


def test_a_repository_that_a_run_can_work_on_passes(
    console: Console, script: Path, github: GithubStandIn
) -> None:
    github.add_repository("octo/sample", {"a.txt": "a\n"})
    checks = _checks(console)
    assert checks["repository"] == "octo/sample, default branch main"
    assert checks["push"] == f"a dry push to {github.origin}/octo/sample.git is accepted"
    assert "pull requests" in checks
    assert checks["policy"] == "nothing forbids contributions that a model made"
    changes = [logged for logged in github.requests if logged.method != "GET"]
    assert {logged.path for logged in changes} == {"/octo/sample.git/git-upload-pack"}


def test_a_repository_that_forbids_it_is_refused_with_its_own_words(
    console: Console, script: Path, github: GithubStandIn
) -> None:
    github.add_repository(
        "octo/sample", {"CONTRIBUTING.md": "AI-generated PRs are not accepted.\n"}
    )
    policy = _checks(console)["policy"]
    assert "“AI-generated PRs are not accepted.” (CONTRIBUTING.md, line 1)" in policy
    github.commit("octo/sample", {".coding-agent.toml": "enabled = true\n"})
    assert _checks(console)["policy"] == "nothing forbids contributions that a model made"


def test_what_a_repository_asks_for_is_shown(
    console: Console, script: Path, github: GithubStandIn
) -> None:
    github.add_repository("octo/sample", {"CONTRIBUTING.md": "Please disclose the use of AI.\n"})
    asked = "it asks: “Please disclose the use of AI.” (CONTRIBUTING.md, line 1)"
    assert _checks(console)["policy"] == asked


@pytest.mark.parametrize(
    ("spoil", "check", "hint"),
    [
        (lambda github: github.archive("octo/sample"), "repository", "octo/sample is archived"),
        (lambda github: github.delete_repository("octo/sample"), "repository", "does not exist"),
        (lambda github: github.disable_issues("octo/sample"), "repository", "issues are disabled"),
        (lambda github: github.limit(WRITE_TOKEN, contents="write"), "issues", "Issues: read"),
        (lambda github: github.limit_scopes(WRITE_TOKEN), "pull requests", "scope public_repo"),
        (
            lambda github: github.commit("octo/sample", {"b": "b"}, branch="coding-agent"),
            "push",
            "its branch coding-agent makes the name",
        ),
        (lambda github: github.fail_next("GET", "info/refs$", status=503), "push", "no answer"),
    ],
)
def test_what_would_stop_a_run_is_said_with_exit_code_2(
    console: Console,
    script: Path,
    github: GithubStandIn,
    spoil: Callable[[GithubStandIn], object],
    check: str,
    hint: str,
) -> None:
    github.add_repository("octo/sample", {"a.txt": "a\n"}, private=check == "issues")
    spoil(github)
    checks = _checks(console)
    assert hint in checks[check]
    assert list(checks)[-1] == check, "later checks need the earlier ones"


def test_a_token_that_may_only_read_can_open_pull_requests_from_a_fork(
    console: Console, script: Path, github: GithubStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    github.add_repository("octo/sample", {"a.txt": "a\n"})
    monkeypatch.setenv("GITHUB_TOKEN", READ_TOKEN)
    assert "set CODING_AGENT_PUSH=fork" in _checks(console)["push"]
    monkeypatch.setenv("CODING_AGENT_PUSH", "fork")
    assert _checks(console)["push"] == "the first run makes a fork"
    monkeypatch.setenv("GITHUB_TOKEN", "github_pat_0123")
    assert "a fine-grained token can't open" in _checks(console)["GITHUB_TOKEN"]


def test_a_repository_that_is_not_allowed_or_no_name_is_refused(
    console: Console, script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODING_AGENT_ALLOWED_REPOSITORIES", "acme/*")
    assert "ALLOWED_REPOSITORIES" in _checks(console)["repository"]
    result = console.run("doctor", "--repo", "sample")
    assert result.exit_code == 2
    assert "'sample' is not OWNER/NAME" in result.stderr


def test_events_that_could_not_be_published_are_named(console: Console) -> None:
    with contextlib.closing(SqliteStore(console.data_dir / "store.sqlite")) as store:
        event = finish(store, claim(store))
        assert "events" not in checks(console)
        park(store, event, "NotFound")
    assert "1 event could not be published" in checks(console)["events"]["mend"]


def checks(console: Console) -> dict[str, dict[str, str]]:
    payload = console.json("doctor", "--json", code=2)
    return {check["name"]: check for check in payload["checks"]}
