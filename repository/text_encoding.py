"""Decode the files of a repository, whatever their encoding, so that they can be encoded again.

The byte-order mark and the encoding that a file declares are believed. For other files that are not
UTF-8 the encoding is guessed, which makes them readable.
"""

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

_MARKS = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_MARK = "\ufeff"
_DECLARATION_BYTES = 1_024
_DECLARATION = re.compile(
    rb"""(?: \bcoding[:=]\s*            # Python (PEP 263), Emacs
           | \bfileencoding=            # Vim
           | <\?xml\b[^>]*\bencoding\s*=\s*["']
           | <meta\b[^>]*\bcharset\s*=\s*["']?
           | ^@charset\s+["']
         )([A-Za-z0-9_.-]{1,40})""",
    re.X | re.I,
)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x9f]")
"""Control characters that a text does not have."""
_ASCII_SAMPLE = b"\\u0041 +AGE- =41 a-b"
"""Bytes that are themselves in every encoding that extends ASCII, but not in UTF-7 or escapes."""

_SAMPLE_CHARACTERS = 2_000
"""Number of characters outside of ASCII by which an encoding is judged."""
_MULTIBYTE = ("cp932", "euc_jp", "gbk", "big5", "cp949")
_SINGLE_BYTE = ("cp1252", "cp1251", "koi8-r")
_FALLBACK = "latin-1"
"""Accepts any bytes."""
_COMMON_ROWS = {
    "cp932": range(0x88, 0x98),
    "euc_jp": range(0xB0, 0xD0),
    "gbk": range(0xB0, 0xD8),
    "big5": range(0xA4, 0xC7),
    "cp949": range(0xB0, 0xC9),
}
"""Codec -> first bytes of the frequent characters: the standards list those before the others."""
_COMMON = 1.0
_LIKELY = 0.8
_RARE = 0.2
_NO_KANA = 0.7
"""Factor for Japanese without kana."""
_KOREAN_SYLLABLES = 5
_MAY_BE_KOREAN = 0.9
"""Factor for Chinese whose characters all have the bytes of frequent Korean syllables."""


class NotText(ValueError):
    """The file is binary."""


@dataclass(frozen=True)
class DecodedText:
    """A file's text and the codec that turns it back into the file's bytes."""

    text: str
    """With the byte-order mark, if there is one."""
    codec: str
    is_guessed: bool = False
    """Whether nothing in the file says that this is its encoding."""


def decode_text(data: bytes) -> DecodedText:
    """Decode a file so that it can be encoded again without loss.

    Raises:
        NotText: the file is not text.
    """
    utf16 = _marked_codec(data) or _unmarked_utf16_codec(data)
    if utf16 is None and b"\0" in data:
        raise NotText("it is a binary file")
    for codec in filter(None, (utf16, "utf-8", _declared_codec(data))):
        text = _decode_exactly(data, codec)
        if text is not None and "\0" not in text:
            return DecodedText(text, codec)
    if b"\0" in data:
        raise NotText("it is a binary file")
    return _guess(data)


def decode_again(data: bytes, before: DecodedText) -> DecodedText:
    """Decode the new content of a file whose earlier content was ``before``.

    A guess that fits the new content, too, is not made again: it could turn out otherwise.

    Raises:
        NotText: the file is not text.
    """
    if before.is_guessed and _decode_exactly(data, "utf-8") is None:
        text = _decode_exactly(data, before.codec)
        if text is not None and "\0" not in text:
            return DecodedText(text, before.codec, is_guessed=True)
    return decode_text(data)


def read_text(data: bytes) -> str:
    """Return a file's text for reading only: without a byte-order mark, of any encoding.

    Bytes that are not text are replaced.
    """
    try:
        return decode_text(data).text.removeprefix(_MARK)
    except NotText:
        return data.decode(errors="replace")


def _marked_codec(data: bytes) -> str | None:
    """Return the codec of a file that begins with a byte-order mark of UTF-16."""
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return codec
    return None


def _unmarked_utf16_codec(data: bytes) -> str | None:
    """Return the codec of a file that is UTF-16 without a mark, and mostly ASCII.

    Every other byte of it is zero.
    """
    head = data[:_DECLARATION_BYTES]
    zeros_at_even = head[::2].count(0)
    zeros_at_odd = head[1::2].count(0)
    if 4 * max(zeros_at_even, zeros_at_odd) <= len(head) or min(zeros_at_even, zeros_at_odd) > 0:
        return None
    codec = "utf-16-le" if zeros_at_odd else "utf-16-be"
    text = head[: len(head) // 2 * 2].decode(codec, errors="replace")
    return None if _CONTROL.search(text) else codec


def _declared_codec(data: bytes) -> str | None:
    """Return the codec that a file declares, if it extends ASCII."""
    match = _DECLARATION.search(data[:_DECLARATION_BYTES])
    if match is None:
        return None
    name = match[1].decode("ascii")
    try:
        codec = codecs.lookup(name).name
        extends_ascii = _ASCII_SAMPLE.decode(codec) == _ASCII_SAMPLE.decode("ascii")
    except (LookupError, UnicodeError):
        return None
    return codec if extends_ascii else None


def _decode_exactly(data: bytes, codec: str) -> str | None:
    """Return the text if encoding it again gives the same bytes, else None."""
    try:
        text = data.decode(codec)
        return text if text.encode(codec) == data else None
    except UnicodeError:
        return None


def _guess(data: bytes) -> DecodedText:
    best = DecodedText(data.decode(_FALLBACK), _FALLBACK, is_guessed=True)
    best_score = 0.0
    for codec in (*_MULTIBYTE, *_SINGLE_BYTE):
        text = _decode_exactly(data, codec)
        if text is None:
            continue
        score = _plausibility(text, codec)
        if score > best_score:
            best = DecodedText(text, codec, is_guessed=True)
            best_score = score
    return best


def _plausibility(text: str, codec: str) -> float:
    """Return how likely the characters outside of ASCII are, from 0 to 1, for each of their bytes.

    Without a dictionary this tells the encodings apart by the frequent characters of each script,
    and those of Europe by the place of letters in words.
    """
    total = 0.0
    size = 0
    sample: list[str] = []
    for before, character, after in _neighbours(text):
        sample.append(character)
        encoded = character.encode(codec)
        size += len(encoded)
        if codec in _COMMON_ROWS:
            total += len(encoded) * _east_asian_weight(character, encoded, codec)
        else:
            total += _european_weight(before, character, after)
    return _doubt(sample, codec) * total / max(size, 1)


def _neighbours(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield the first characters outside of ASCII with the ones before and after them."""
    matches = re.finditer(r"[^\x00-\x7f]", text)
    for match in islice(matches, _SAMPLE_CHARACTERS):
        at = match.start()
        yield text[at - 1 : at], match[0], text[at + 1 : at + 2]


def _east_asian_weight(character: str, encoded: bytes, codec: str) -> float:
    if len(encoded) == 1 or "\ue000" <= character <= "\uf8ff":
        return 0.0  # Katakana of half width and private characters come from a wrong guess.
    if _is_kana(character):
        return _COMMON if codec in ("cp932", "euc_jp") else _RARE
    if "\u3000" <= character <= "\u303f" or "\uff00" <= character <= "\uff60":
        return _LIKELY
    is_common = encoded[0] in _COMMON_ROWS[codec]
    if codec in ("gbk", "cp949", "euc_jp") and encoded[1] < 0xA1:
        is_common = False  # What the codecs add to the national standards is rare.
    return _COMMON if is_common else _RARE


def _doubt(sample: Sequence[str], codec: str) -> float:
    """Return a factor for texts that are possible in an encoding but more likely in another."""
    if codec == "euc_jp" and not any(map(_is_kana, sample)):
        return _NO_KANA
    if codec == "gbk" and len(sample) >= _KOREAN_SYLLABLES:
        rows = _COMMON_ROWS["cp949"]
        if all(character.encode(codec)[0] in rows for character in sample):
            return _MAY_BE_KOREAN
    return 1.0


def _is_kana(character: str) -> bool:
    return "\u3040" <= character <= "\u30ff"


def _european_weight(before: str, character: str, after: str) -> float:
    if not character.isalpha():
        return _LIKELY if character.isprintable() else 0.0
    neighbours = (before + after).strip()
    if not _is_cyrillic(character):
        stands_in_word = neighbours.isascii() and neighbours.isalpha()
        return _COMMON if stands_in_word else _RARE
    if not any(map(_is_cyrillic, neighbours)):
        return _RARE
    if character.islower():
        return _COMMON
    return _RARE if before.isalpha() else _LIKELY


def _is_cyrillic(character: str) -> bool:
    return "\u0400" <= character <= "\u04ff"
