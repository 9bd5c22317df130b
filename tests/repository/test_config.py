"""``.coding-agent.toml``: its two tables are read separately, with one kind of error."""

import pytest

from repository.config import (
    ConfigError,
    EditRules,
    TestsConfig,
    read_edit_rules,
    read_enabled,
    read_tests_config,
)


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ("[edits", "is not TOML"),
        ("[edits]\nprotect = []\n", "[edits] protect"),
        ("[edits]\nmax_files = 0\n", "[edits] max_files"),
        ("edits = 3\n", "edits"),
        ('[edits]\nprotected = "src"\n', "[edits] protected"),
    ],
)
def test_an_error_names_the_file_the_table_and_the_setting(config, why):
    with pytest.raises(ConfigError, match=r"\.coding-agent\.toml") as raised:
        read_edit_rules(config)
    assert why in str(raised.value)


@pytest.mark.parametrize("text", [None, "", "[other]\na = 1\n"])
def test_a_missing_file_or_table_gives_the_defaults(text):
    assert read_edit_rules(text) == EditRules()
    assert read_tests_config(text) == TestsConfig()


def test_an_error_in_one_table_leaves_the_other_usable():
    text = "[edits]\nmax_files = 0\n[tests]\nrunner = 'pytest'\n"
    assert read_tests_config(text).runner == "pytest"
    with pytest.raises(ConfigError):
        read_edit_rules(text)
    text = "[edits]\nmax_files = 3\n[tests]\nrunner = 'none'\n"
    assert read_edit_rules(text).max_files == 3
    with pytest.raises(ConfigError):
        read_tests_config(text)


def test_an_unknown_setting_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"\[tests\] runners: .*; known: runner, command, python"):
        read_tests_config("[tests]\nrunners = 'pytest'\n")


@pytest.mark.parametrize(
    "setting",
    [r'environment = {A = "\u0000"}', 'environment = {"A=B" = "x"}', r'command = ["\u0000"]'],
)
def test_what_no_program_can_be_given_is_refused(setting):
    with pytest.raises(ConfigError, match="can't be"):
        read_tests_config(f"[tests]\n{setting}\n")


@pytest.mark.parametrize(
    ("text", "enabled"),
    [
        (None, None),
        ("[edits]\nmax_files = 3\n", None),
        ("enabled = true\n\n[edits]\nmax_files = 0\n", True),
        ("enabled = false\n", False),
    ],
)
def test_a_repository_invites_or_refuses_the_service(text, enabled):
    assert read_enabled(text) is enabled


@pytest.mark.parametrize(
    "text",
    ["enabled = 1\n", 'enabled = "false"\n', "enabled =", "[tests]\nenabled = false\n"],
)
def test_an_invitation_in_other_words_is_an_error(text):
    with pytest.raises(ConfigError, match=r"\.coding-agent\.toml"):
        read_enabled(text)
