"""Whether a comment asks the bot for something: whether its author mentions the bot's account."""

import re

from repository.issue_text import render_prose

#: The end of an App's login, which people leave out when they mention it.
_APP_SUFFIX = "[bot]"


def mentions(markdown: str, login: str) -> bool:
    """Return whether the text mentions an account where its author says something.

    A name in code, in a quote or in a part that the page does not show is no mention, nor is one
    that is part of a longer name, of an address or of a team's name.
    """
    name = login.removesuffix(_APP_SUFFIX)
    if f"@{name}".lower() not in markdown.lower():
        return False
    pattern = rf"(?<![\w@/.-])@{re.escape(name)}(?:{re.escape(_APP_SUFFIX)})?(?![\w/-]|\.\w)"
    return re.search(pattern, render_prose(markdown), re.IGNORECASE) is not None
