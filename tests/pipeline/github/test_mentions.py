"""When a comment mentions the bot."""

import pytest

from pipeline.github.mentions import mentions


@pytest.mark.parametrize(
    "text",
    [
        "@octo-bot",
        "@octo-bot please fix this",
        "Could you look at it, @Octo-Bot?",
        "(@octo-bot)",
        "**@octo-bot** fix",
        "@octo-bot[bot] fix",
        "> a quote\n\n@octo-bot fix",
    ],
)
def test_a_name_in_the_authors_own_words_is_a_mention(text: str):
    assert mentions(text, "octo-bot")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "octo-bot",
        "`@octo-bot`",
        "```\n@octo-bot\n```",
        "    @octo-bot",
        "> @octo-bot fix this",
        "<!-- @octo-bot -->",
        "<svg>@octo-bot</svg>",
        "@octo-bot-2",
        "@octo-bots",
        "@octo-bot/team",
        "someone@octo-bot.example",
        "@someone@octo-bot",
        "https://example.com/@octo-bot",
        "@octo-bot.example",
    ],
)
def test_a_name_elsewhere_is_no_mention(text: str):
    assert not mentions(text, "octo-bot")


def test_an_app_is_mentioned_without_the_end_of_its_login():
    assert mentions("@octo-app fix", "octo-app[bot]")
    assert mentions("@octo-app[bot] fix", "octo-app[bot]")
