"""Files that are protected because of what they contain, such as generated ones."""

import re
from collections.abc import Iterator

from repository.files import Kind, kind_of, name_of
from repository.protected_groups import GENERATED, SECRETS, WRAPPERS
from repository.protected_paths import Protection

_HEAD_LINES = 40
"""Number of lines at the start of a file in which its first comments are looked for."""
_MAX_LINE = 500
_PREAMBLE = re.compile(
    r"#!|<\?|<!doctype\b|---\s*$|package\s[\w.]+;?\s*$|@charset\b|['\"]use \w+['\"];?\s*$", re.I
)
"""Lines that may stand above the comment that says what a file is."""
_LINE_COMMENT = re.compile(r"//+!?|#+|--+|;+|%+|\"\s|'\s?|!+|\.\.\s|(?:@?rem|dnl)\b|::", re.I)
_BLOCK_STARTS = {"/*": "*/", "<!--": "-->", "(*": "*)", "{-": "-}", "{#": "#}", "<%--": "--%>"}
_DECORATION = re.compile(r"^[\s*#/;=!~+|.-]+|[\s*#/=~+|-]+$")

_GENERATED_THING = r"(?:file|code|class|module|header|source|document|script|schema|table|parser)s?"
_GENERATED_WORD = r"@?(?:auto(?:matically)?[ -]?|machine[ -])?(?:re)?generated"
_MARK = re.compile(
    rf"@generated\b(?!['\"`])|<auto-?generated\b|code generated\b.{{0,200}}\bdo not edit"
    rf"|this {_GENERATED_THING} (?:is|was)(?: \w+)? @generated\b",
    re.I,
)
"""The beginning of a comment that by itself says that a file is generated: the conventions of
Meta's and many other tools, of .NET, and of Go (https://go.dev/s/generatedcode)."""
_STATEMENT = re.compile(
    r"(?:(?:warning|attention|caution|important|notice?)\W+)?"
    rf"(?:(?:this|the following)(?: \S+){{0,3}}? {_GENERATED_THING}(?: \S+){{0,3}}?"
    rf" (?:is|was|were|has been|have been)(?: \w+){{0,2}}? {_GENERATED_WORD}\b"
    rf"|this is an? {_GENERATED_WORD} {_GENERATED_THING}\b"
    rf"|{_GENERATED_WORD}(?: {_GENERATED_THING})?"
    r"(?: (?:by|from|with|using|via|on|at)\b|\W*$|\W{1,5}do)"
    r"|do(?: not|n't) (?:edit|modify|change|touch)"
    rf"(?: this {_GENERATED_THING}\b| it\b| directly\b| manually\b| by hand\b|\s?[^\w\s]|$))",
    re.I,
)
"""The beginning of a comment that may be about the file in which it stands."""
_GENERATED = re.compile(rf"\b{_GENERATED_WORD}\b", re.I)
_DO_NOT_EDIT = re.compile(
    r"(?:do not|don't|never|must not|should not|not to be|not intended for) (?:be )?"
    r"(?:(?:hand|manual|manually|directly)[ -]?)?(?:edit|modif|change|touch|make)"
    r"|(?:changes?|edits?|modifications?)\b.{0,60}\b(?:lost|overwritten)|\bedit\b.{0,80}\binstead",
    re.I,
)

_PRIVATE_KEY = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----")
_RAW_KEY = re.compile(r"\s*[A-Za-z0-9+/=_-]{16,}\s*")
_WRAPPER_SCRIPTS = frozenset({"gradlew", "gradlew.bat", "mvnw", "mvnw.cmd"})
_WRAPPER = re.compile(r"gradle-wrapper|gradlewrapper|maven-?wrapper|\.mvn", re.I)


def protection_by_content(path: str, before: str | None, after: str | None) -> Protection | None:
    """Return why a file with these texts may not be changed; None if its content permits it.

    A text is None where there is no file.
    """
    if before is not None and is_generated(before):
        return Protection(GENERATED, "the comment at its top says so")
    if _holds_key(path, after) or _holds_key(path, before):
        return Protection(SECRETS, "it contains a key")
    if _is_wrapper(path, before, after):
        return Protection(WRAPPERS, name_of(path))
    return None


def is_generated(text: str) -> bool:
    """Return whether a comment at the top of a file says that a tool writes the file."""
    comment = list(_first_comments(text))
    if any(_MARK.match(line) for line in comment):
        return True
    # Sentences run on from line to line.
    pairs = [" ".join(comment[at : at + 2]) for at in range(len(comment))]
    if any(_MARK.match(pair) for pair in pairs):
        return True
    whole = " ".join(comment)
    if not _GENERATED.search(whole) or not _DO_NOT_EDIT.search(whole):
        return False
    return any(_STATEMENT.match(pair) for pair in pairs)


def _first_comments(text: str) -> Iterator[str]:
    """Yield the lines of the comments above a file's first line of code, without their marks."""
    closing = ""
    for line in text.removeprefix("\ufeff").split("\n", _HEAD_LINES)[:_HEAD_LINES]:
        content = line.strip()[:_MAX_LINE]
        if not closing:
            if not content or _PREAMBLE.match(content):
                continue
            comment = _open_comment(content)
            if comment is None:
                return
            content, closing = comment
        if closing and closing in content:
            content = content[: content.index(closing)]
            closing = ""
        body = _DECORATION.sub("", content)
        if body:
            yield body


def _open_comment(line: str) -> tuple[str, str] | None:
    """Return what follows the mark that opens a comment, and the mark that closes the comment.

    The latter is empty for a comment of one line. Return None if the line is not a comment.
    """
    for opening, closing in _BLOCK_STARTS.items():
        if line.startswith(opening):
            return line[len(opening) :], closing
    mark = _LINE_COMMENT.match(line)
    return None if mark is None else (line[mark.end() :], "")


def _holds_key(path: str, text: str | None) -> bool:
    """Return whether a file that is not source code holds a private key."""
    if text is None or kind_of(path) in (Kind.SOURCE, Kind.TEST, Kind.DOCS):
        return False
    if _PRIVATE_KEY.search(text):
        return True
    return path.lower().endswith(".key") and _RAW_KEY.fullmatch(text) is not None


def _is_wrapper(path: str, before: str | None, after: str | None) -> bool:
    """Return whether a script is the wrapper of Gradle or Maven, or a new one with its name.

    A repository's own script may have such a name.
    """
    if name_of(path).lower() not in _WRAPPER_SCRIPTS:
        return False
    return before is None or any(_WRAPPER.search(text) for text in (before, after or ""))
