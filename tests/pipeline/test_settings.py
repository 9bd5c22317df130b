import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from pipeline import settings as module
from pipeline.settings import (
    PREFIX,
    Settings,
    SettingsError,
    format_value,
    load,
    read_env_file,
    secret_values,
    variable,
)

SECRET = "ghp_" + "s" * 36


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith((PREFIX, "GITHUB_", "ECS_")) or name.lower().startswith(PREFIX.lower()):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def test_defaults_suit_one_machine(tmp_path: Path):
    settings = load()
    folder = tmp_path / "data" / "coding-agent"
    assert (settings.store_path, settings.artifacts_path) == (
        folder / "store.sqlite",
        folder / "artifacts",
    )
    assert (
        settings.max_cost_usd,
        settings.max_minutes,
        settings.max_rounds,
        settings.concurrency,
    ) == (3.0, 60, 4, 2)
    assert settings.allowed_repositories == ("*",)
    assert (settings.issue_host, settings.model, settings.queue_url, settings.on_ecs) == (
        "github.com",
        None,
        None,
        False,
    )


def test_env_file_in_the_current_folder_is_never_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / ".env").write_text("CODING_AGENT_MODEL=evil\nGITHUB_TOKEN=evil\n")
    monkeypatch.chdir(tmp_path)
    settings = load()
    assert settings.model is None and settings.github_token is None


def test_env_file_yields_to_the_environment_and_reaches_libraries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(os, "environ", os.environ.copy())
    os.environ["CODING_AGENT_MAX_ROUNDS"] = "7"
    file = tmp_path / "given.env"
    file.write_text(
        "CODING_AGENT_MAX_ROUNDS=2\nCODING_AGENT_MODEL=gpt\nOPENAI_API_KEY='a key'\nBARE\n"
    )
    assert read_env_file(file) == {"CODING_AGENT_MODEL": "gpt", "OPENAI_API_KEY": "a key"}
    settings = load()
    assert (settings.max_rounds, settings.model, os.environ["OPENAI_API_KEY"]) == (
        7,
        "gpt",
        "a key",
    )
    assert read_env_file(tmp_path / "none") == {}


def test_option_overrides_the_environment_unless_it_is_none(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("CODING_AGENT_MODEL", "from the environment")
    monkeypatch.setenv("GITHUB_TOKEN", "t0ken")
    assert load({"model": "from the option"}).model == "from the option"
    assert load({"model": None}).model == "from the environment"
    assert (
        load({"github_token": SECRET}).github_token == load({"github_token": SECRET}).github_token
    )


def test_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CODING_AGENT_QUEUE_URL", "")
    monkeypatch.setenv("CODING_AGENT_MAX_ROUNDS", "")
    assert (load().queue_url, load().max_rounds) == (None, 4)


def test_secrets_show_in_no_text_of_the_settings(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GITHUB_TOKEN", SECRET)
    settings = load()
    assert settings.github_token is not None and settings.github_token.get_secret_value() == SECRET
    for text in (
        repr(settings),
        str(settings),
        settings.model_dump_json(),
        str(settings.model_dump()),
    ):
        assert SECRET not in text


def test_secret_values_are_all_secrets_of_the_process(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GITHUB_TOKEN", SECRET)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "aws")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert {SECRET, "sk-ant", "aws"} <= set(secret_values(load()))
    assert "eu-central-1" not in secret_values(load())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CODING_AGENT_CONCURRENCY", "0"),
        ("CODING_AGENT_CONCURRENCY", "many"),
        ("CODING_AGENT_MAX_COST_USD", "-1"),
        ("CODING_AGENT_MAX_COST_USD", "inf"),
        ("CODING_AGENT_MAX_COST_USD_PER_DAY", "nan"),
        ("CODING_AGENT_MAX_ROUNDS", "0"),
        ("CODING_AGENT_VISIBILITY_TIMEOUT", "43201"),
        ("CODING_AGENT_SANDBOX", "docker"),
        ("CODING_AGENT_PUSH", "force"),
        ("CODING_AGENT_STORE", "postgres://x"),
        ("CODING_AGENT_STORE", "sqlite:///"),
        ("CODING_AGENT_ALLOWED_REPOSITORIES", "octo"),
        ("CODING_AGENT_ALLOWED_REPOSITORIES", "octo/*, octo*"),
        ("GITHUB_API_URL", "http://api.github.com"),
        ("GITHUB_API_URL", "http://localhost.evil.example"),
        ("GITHUB_API_URL", "http://127.0.0.1@evil.example"),
        ("GITHUB_API_URL", "https://token@ghe.example.com"),
        ("GITHUB_API_URL", "https://"),
        ("CODING_AGENT_COMMIT_AUTHOR", "Example Bot"),
        ("CODING_AGENT_COMMIT_AUTHOR", "Example <bot@example.com> Bot"),
        ("CODING_AGENT_COMMIT_AUTHOR", " <bot@example.com>"),
        ("CODING_AGENT_PAGE_URL", "console.example.org/runs"),
        ("CODING_AGENT_PAGE_URL", "javascript:alert(1)"),
        ("CODING_AGENT_PAGE_URL", "https://user:password@console.example.org"),
        ("CODING_AGENT_PAGE_URL", "https://console.example.org/runs?key=1"),
    ],
)
def test_wrong_value_is_named_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load()
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{name}: ") and len(line) > len(name) + 5


def test_all_wrong_values_are_reported_at_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CODING_AGENT_MAX_MINUTES", "soon")
    monkeypatch.setenv("GITHUB_API_URL", "ftp://x")
    with pytest.raises(SettingsError) as caught:
        load()
    assert {line.split(":")[0] for line in str(caught.value).splitlines()} == {
        "CODING_AGENT_MAX_MINUTES",
        "GITHUB_API_URL",
    }


@pytest.mark.parametrize(
    ("api", "host"),
    [
        ("https://api.github.com/", "github.com"),
        ("https://ghe.example.com/api/v3", "ghe.example.com"),
        ("http://127.0.0.1:8123", "github.com"),
        ("http://localhost:8123/", "github.com"),
        ("https://api.octocorp.ghe.com", "octocorp.ghe.com"),
        ("https://API.Octocorp.GHE.com/", "octocorp.ghe.com"),
        ("https://api.example.com/api/v3", "api.example.com"),
    ],
)
def test_issue_host_follows_the_api_url(monkeypatch: pytest.MonkeyPatch, api: str, host: str):
    monkeypatch.setenv("GITHUB_API_URL", api)
    assert load().issue_host == host


def test_ecs_is_recognised_by_its_metadata_variable(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(module.ECS_VARIABLE, "http://169.254.170.2/v4/x")
    assert load().on_ecs


def test_lists_are_split_at_commas_without_empty_parts(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CODING_AGENT_ALLOWED_REPOSITORIES", " octo/* , Acme/site,, ")
    assert load().allowed_repositories == ("octo/*", "Acme/site")


@given(st.sampled_from(sorted(Settings.model_fields)))
def test_every_field_is_set_by_its_variable(name: str):
    environment_variable = variable(name)
    assert environment_variable == environment_variable.upper()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(environment_variable, "?")
        try:
            value = getattr(load(), name)
        except SettingsError as error:
            assert str(error).startswith(f"{environment_variable}: ")
        else:
            if isinstance(value, SecretStr):
                assert (value.get_secret_value(), format_value(value)) == ("?", "(set)")
            else:
                assert format_value(value) == "?"


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ("{sevala: {}}", "there is no key named sevala"),
        ("{sevalla: {max_cost_usd_per_day: 0}}", "sevalla.max_cost_usd_per_day: Input should be"),
        ("/nowhere/limits.yaml", "/nowhere/limits.yaml can't be read"),
    ],
)
def test_wrong_limits_of_keys_are_refused(
    limits: str, message: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CODING_AGENT_API_KEYS", "sevalla=secret")
    monkeypatch.setenv("CODING_AGENT_KEY_LIMITS", limits)
    with pytest.raises(SettingsError, match=r"^CODING_AGENT_KEY_LIMITS: ") as error:
        load()
    assert message in str(error.value)


def test_the_limits_of_keys_may_be_set_on_a_machine_without_keys(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CODING_AGENT_KEY_LIMITS", "{sevalla: {operator: true}}")
    assert load().named_api_keys == []
    monkeypatch.setenv("CODING_AGENT_API_KEYS", "sevalla=secret,other=key@octo/*")
    sevalla, other = load().named_api_keys
    assert sevalla.limits.operator
    assert other.limits.repositories == ("octo/*",)


def test_an_api_key_that_is_wrong_is_not_shown(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CODING_AGENT_API_KEYS", "ok=1,a=se cret")
    with pytest.raises(SettingsError, match=r"^CODING_AGENT_API_KEYS: entry 2: ") as error:
        load()
    assert "cret" not in str(error.value)


def test_each_api_key_is_a_secret(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CODING_AGENT_API_KEYS", "alice=first-key@octo/*,second-key")
    assert {"first-key", "second-key"} <= set(secret_values(load()))


def test_webhook_has_several_secrets_while_one_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load().webhook_secrets == ()
    monkeypatch.setenv("CODING_AGENT_WEBHOOK_SECRET", "the-first-secret-of-it, the-next-secret")
    with pytest.raises(SettingsError, match="openssl rand"):
        load()
    monkeypatch.setenv("CODING_AGENT_WEBHOOK_SECRET", "the-first-secret-of-it, the-next-secret-2")
    secrets = ("the-first-secret-of-it", "the-next-secret-2")
    assert load().webhook_secrets == secrets
    assert set(secrets) <= set(secret_values(load()))


@pytest.mark.parametrize("secret", ["a-secret-of-the-caf\u00e9", "a-secret-in-latin-1-\udce9"])
def test_a_webhooks_secret_that_is_not_ascii_is_refused(
    monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setenv("CODING_AGENT_WEBHOOK_SECRET", secret)
    with pytest.raises(SettingsError, match="consists of ASCII characters") as error:
        load()
    assert secret not in str(error.value)
