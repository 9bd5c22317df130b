"""Find the path that a line of a reply names."""

import re
from collections.abc import Collection, Iterator

FENCE = re.compile(r"^\s*(?:`{3,}|~{3,}|</?[a-z]+>)\s*(?P<info>.*)$")
"""A code fence, or a tag alone on its line."""
CODE_FENCE = re.compile(r"^[ \t]*(?P<mark>`{3,}|~{3,})[ \t]*(?P<info>[^`]*)$")
_TAGGED = re.compile(r"^<(file|path|filename|file_path)>(?P<path>[^<]*)</\1>$")
_BULLET = re.compile(r"^(?:[-+*]|\d+[.)])\s+")
_LABEL = re.compile(r"^(?:new )?(?:file|filename|file ?path|path)\s*:\s*", re.I)
_INTRODUCTION = re.compile(
    r"^(?:(?:then|now|next|and|also|finally|first|in|for|to|create|add|write|edit|update|change"
    r"|modify|a|an|the|this|new|existing|file|module|script|test)\b:?\s+)+",
    re.I,
)
"""Words that may stand before the name of a new file."""
_REMARK = re.compile(r"\s+\([^()]*\)$")
_LIKE_A_PATH = re.compile(r"[/.]\w|^(?:[A-Za-z]+file|[A-Z][A-Z_]+)$")
"""A slash, an extension, or a name such as Makefile or LICENSE."""
_WITH_EXTENSION = re.compile(r"\.\w{1,12}$")
_MEDIA_TYPE = re.compile(r"^(?:text|application)/[\w.+-]+$")
_QUOTED = re.compile(r"`[^`\n]+`|\"[^\"\n]+\"|\([^()\n]+\)")
_IN_CODE = re.compile(r"`([^`\n]+)`")
_QUOTES = "`*\"' \t"
_DECORATION = "`*\"'# \t"
_RULE = re.compile(r"^([=+~|-]{2,}|[<\[(|])\s*(?P<name>\S.*?)\s*(?:[=+~|-]{2,}|[>\])|])?$")
"""``=== name ===``, ``--- name``, ``[name]``."""
_COMMENTS = (("/*", "*/"), ("<!--", "-->"), ("//", ""), ("--", ""))
_PUNCTUATION = ".,:;!?"
_AROUND_NAMES = "`*\"'()[]{}<>|_~=“”„‘’«»"
_SEPARATORS = re.compile(r"[\s\"'`<>()\[\]{}|,;:=*“”„‘’«»]+")
_END_OF_SENTENCE = (".", ",", ";", "!", "?")
_MAX_LINE = 400
"""Maximum length of a line that can name a path, in characters."""


def as_path(line: str, known: Collection[str] = ()) -> str | None:
    """Return the path that a line consists of; None if it is anything else.

    ``### `a/b.py`:`` is a path, a sentence that contains one is not. A line that is one of the
    ``known`` paths, as it is or in any markup, is that path.
    """
    if len(line) > _MAX_LINE:
        return None
    for name in _without_markup(line):
        if name.removeprefix("./") in known:
            return name.removeprefix("./")
    return _unknown_path(line)


def mentioned_paths(line: str, known: Collection[str]) -> list[str]:
    """Return the ``known`` paths that a line mentions, each once.

    A name without a slash or an extension counts only in backticks, quotes or parentheses, since it
    may be a word.
    """
    if len(line) > _MAX_LINE:
        return []
    found: dict[str, None] = {}
    for quoted in _QUOTED.findall(line):
        path = quoted.strip('`"() \t').removeprefix("./")
        if path in known:
            found[path] = None
    for token in line.split():
        for name in _trimmed(token):
            path = name.removeprefix("./")
            if path in known and _LIKE_A_PATH.search(path):
                found[path] = None
                break
    if " " in line.strip():
        found.update(dict.fromkeys(_spaced_paths(line, known)))
    return list(found)


def is_new_name(line: str) -> bool:
    """Return whether a line is a single word as a name of a file may be, such as ``gradlew``."""
    word = line.strip().strip("`*")
    return re.fullmatch(r"[a-z0-9_][\w+-]*", word) is not None


def path_in_info(info: str, known: Collection[str] = ()) -> str | None:
    """Return the path in the text after a fence's mark; its language is none.

    The path is alone, follows the language, or is the value of an attribute.
    """
    words = info.split(maxsplit=1)
    if not words or not re.search(r"[./ ]", info.strip()):
        return None
    for text in (info, words[-1]):
        mentioned = mentioned_paths(text, known)
        if len(mentioned) == 1:
            return mentioned[0]
    path = as_path(words[-1], known)
    return None if path is None or _MEDIA_TYPE.match(path) else path


def _without_markup(line: str) -> Iterator[str]:
    """Yield a line with less and less of what may stand around a path in it."""
    text = line.strip()
    yield text
    tagged = _TAGGED.match(text)
    if tagged:
        yield tagged["path"].strip()
    for opening, closing in _COMMENTS:
        if text.startswith(opening):
            inside = text.removeprefix(opening).removesuffix(closing).strip()
            if inside:
                yield inside
    ruled = _RULE.match(text)
    if ruled:
        yield ruled["name"]
        yield _without_prefix(ruled["name"])
    yield text.rstrip(":").strip(_QUOTES).rstrip(":")
    for _ in range(3):
        text = text.rstrip(":").strip(_DECORATION)
        yield text
        without_remark = _REMARK.sub("", text)
        yield without_remark.rstrip(":").strip(_DECORATION)
        text = _LABEL.sub("", _BULLET.sub("", text))
        yield text


def _without_prefix(name: str) -> str:
    """Return a name without the prefix that git writes in diffs."""
    return name[2:] if name.startswith(("a/", "b/")) else name


def _unknown_path(line: str) -> str | None:
    """Return the path that a line consists of, if it looks like one."""
    tagged = _TAGGED.match(line.strip())
    if tagged:
        return tagged["path"].strip().removeprefix("./") or None
    text = line.strip().removeprefix("//").strip(_DECORATION)
    text = _BULLET.sub("", text).strip(_DECORATION)
    label = _LABEL.match(text)
    if label:
        text = text[label.end() :]
    text = text.strip(_DECORATION).rstrip(":").strip(_DECORATION)
    certain = label is not None or "`" in line
    if not certain:
        text = _plain_name(text)
        if " " in text or not _LIKE_A_PATH.search(text):
            return None
    if not text or "`" in text or text.endswith(_END_OF_SENTENCE):
        return None
    return text.removeprefix("./")


def _plain_name(text: str) -> str:
    """Return a text without rules, introduction and remark around what may be a new file's name."""
    ruled = _RULE.match(text)
    if ruled:
        text = _without_prefix(ruled["name"])
    text = _REMARK.sub("", text).rstrip(":")
    introduction = _INTRODUCTION.match(text)
    return text[introduction.end() :] if introduction else text


def new_path_in_code(line: str) -> str | None:
    """Return the only path that a line has in backticks, such as a new file's."""
    if len(line) > _MAX_LINE:
        return None
    paths: list[str] = []
    for code in _IN_CODE.findall(line):
        if " " not in code and _WITH_EXTENSION.search(code) and _LIKE_A_PATH.search(code):
            paths.append(code.removeprefix("./"))
    return paths[0] if len(set(paths)) == 1 else None


def _trimmed(token: str) -> Iterator[str]:
    """Yield a word with less and less punctuation around it, then its parts."""
    yield token
    yield token.rstrip(_PUNCTUATION)
    yield token.strip(_AROUND_NAMES + _PUNCTUATION.replace(".", "")).rstrip(_PUNCTUATION)
    for part in _SEPARATORS.split(token):
        yield part
        yield part.rstrip(_PUNCTUATION)
        yield _without_prefix(part)


def _spaced_paths(line: str, known: Collection[str]) -> Iterator[str]:
    """Yield the known paths with a space in them that a line contains."""
    for path in known:
        if " " in path and path in line:
            yield path
