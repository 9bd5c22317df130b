"""Text without effect on the programs that read it on GitHub: its Markdown, CI services, release
tools and bots.

Each rule finds the part of a construct after which an invisible character is inserted. A person
still sees the same text; a program no longer finds what it looks for.
"""

import re
import unicodedata

BREAK = "\u200b"
"""A zero-width space."""

_UNPRINTABLE = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")
"""Unicode categories: control, format, private use, surrogate, and the separators of lines and
paragraphs, after which a bot that is written in JavaScript sees the start of a line.
"""

#: What may stand before the first word of a line: indentation, quotes and list markers.
_LINE_START = r"^[ \t]*+(?:(?:[>*+-]|\d{1,9}[.)])[ \t]*+)*+"

#: Words in brackets that CI services and release tools act on: [skip ci], [no release],
#: [semver:major].
_DIRECTIVES = (
    "actions?|appveyor|automerge|azp|azpipelines|azurepipelines|bump|cd|changelog|ci|circleci"
    "|deploy|docs?|drone|major|merge|minor|netlify|patch|publish|release|render|semver|skip|travis"
    "|vercel|version"
)

#: GitHub's Markdown.
_MARKDOWN = (
    r"@(?=\w)",  # a mention
    r"#(?=\w)",  # an issue, a Jira smart commit, a tag that a version tool reads
    r"GH-(?=\d)",
    r"<(?=[A-Za-z/!?])",  # HTML, comments included
    r"&(?=[A-Za-z][A-Za-z0-9]{1,31};)",  # an entity, which may stand for @ or #
    r"!(?=\[)",  # an image
    r"\](?=[(:\[])",  # a link or its definition
    r"\[(?=\\?!)",  # an alert: > [!NOTE]
    r"\[(?=[ \txX]\])",  # a task
    r"(?:https?|ftp):(?=//)",  # an address: an issue's creates a back-reference, or closes it
    r"www(?=\.)",
    # A drawing, or an info string with an escape, which may be one.
    r"(?:(?<!`)`{3,}+|(?<!~)~{3,}+)"
    r"(?=[ \t]*+(?:(?:geojson|math|mermaid|stl|topojson)\b|[^\s`&\\]{0,100}[&\\]))",
)

#: https://docs.github.com/en/actions/how-tos/manage-workflow-runs/skip-workflow-runs and the like.
_CI = (
    rf"\[(?=[^\[\]\n]{{0,40}}\b(?:{_DIRECTIVES})\b[^\[\]\n]{{0,40}}\])",
    r"NO_(?=CI\b)",  # ***NO_CI***
    r"\bskip-(?=checks\b|ci\b)",
)

#: What release-please and GitVersion read in messages and pull requests.
_RELEASES = (
    r"BREAKING(?=[\s-]CHANGE)",
    r"BEGIN_(?=COMMIT_OVERRIDE|NESTED_COMMIT)",
    r"\+semver(?=\s*:)",
)

#: Commands in plain words: of bors, Atlantis, Rust's triagebot, Jenkins' pull request builder.
_COMMANDS = (
    r"\b(?:bors|atlantis)(?=[ \t:]+\w)",
    r"(?<!\w)r(?=\?)",
    r"\b(?:re)?test(?= this please\b)",
    r"\bok(?= to test\b)",
    r"\badd(?= to whitelist\b)",
)

#: What counts at the start of a line only.
_AT_LINE_START = (
    # The type of a conventional commit (https://www.conventionalcommits.org/), or a trailer of git,
    # such as Co-authored-by and Release-As.
    r"[\w-]++(?:\([^)\n]*+\))?!?(?=[ \t]*:(?!:))",
    # A command of Prow (https://prow.k8s.io/command-help) and others.
    r"[/!](?=[A-Za-z])",
    r"(?:amend|fixup|squash)(?=!)",  # git rebase --autosquash
    r"re(?=check\b)",  # Zuul
)


def _compile(*rules: str) -> re.Pattern[str]:
    return re.compile("|".join(rules), re.IGNORECASE | re.MULTILINE)


#: Two passes, since what is found at the start of a line may contain what is active anywhere.
_PASSES = (
    _compile(f"{_LINE_START}(?:{'|'.join(_AT_LINE_START)})"),
    _compile(*_MARKDOWN, *_CI, *_RELEASES, *_COMMANDS),
)


def inert(text: str) -> str:
    """Return ``text`` with nothing active in GitHub's Markdown, a commit message or a title.

    It mentions nobody, closes and references no issue, has no HTML (so no comment that imitates our
    marker), image, link, alert, task or drawing, skips no check, asks for no release, and gives no
    bot a command.
    """
    result = printable(str(text))
    for rules in _PASSES:
        result = rules.sub(lambda match: match[0] + BREAK, result)
    return result


def printable(text: str) -> str:
    """Drop control and format characters, except the break, so that filters can be chained."""
    allowed = "\n\t" + BREAK
    characters = []
    for character in text:
        if character in allowed or unicodedata.category(character) not in _UNPRINTABLE:
            characters.append(character)
    return "".join(characters)
