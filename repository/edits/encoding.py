"""Decode files to text and encode them again, so that text outside of edits keeps its bytes."""

import io
import tokenize
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from repository.edits.model import EditFailed

_UTF16_MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


@dataclass(frozen=True)
class DecodedText:
    """A file's text and the codec that turns it back into the file's bytes."""

    text: str
    codec: str


class DecodedFiles:
    """The editable files as text. Remembers the encoding of each."""

    def __init__(self, read: Callable[[str], bytes | None]):
        """``read`` is that of ``EditableFiles``, or does the same for files that lie elsewhere."""
        self._read = read
        self._decoded: dict[str, DecodedText] = {}

    def read(self, path: str) -> str | None:
        """Return a file's text, or None if there is no such file.

        Raises:
            EditFailed: the path can't be edited, or the file is not text.
        """
        data = self._read(path)
        if data is None:
            return None
        self._decoded[path] = decode(path, data)
        return self._decoded[path].text

    def encode(self, texts: Mapping[str, str | None]) -> dict[str, bytes | None]:
        """Encode the new texts, each in its file's encoding; new files are UTF-8.

        Raises:
            EditFailed: a text contains a character that its file's encoding lacks.
        """
        files: dict[str, bytes | None] = {}
        for path, text in texts.items():
            before = self._decoded.get(path, DecodedText("", "utf-8"))
            files[path] = None if text is None else _encode(text, before)
        return files


def decode(path: str, data: bytes) -> DecodedText:
    """Decode a file so that it can be encoded again without loss.

    Tries, in this order: UTF-16 if its byte-order mark is present, UTF-8, the encoding that a
    Python file declares, and Latin-1, which accepts any bytes.

    Raises:
        EditFailed: the file is not text.
    """
    for codec in _codecs(path, data):
        try:
            text = data.decode(codec)
            if text.encode(codec) == data:
                return DecodedText(text, codec)
        except (UnicodeError, LookupError):
            continue
    raise AssertionError("Latin-1 accepts any bytes")


def _codecs(path: str, data: bytes) -> list[str]:
    utf16 = _UTF16_MARKS.get(data[:2])
    if utf16:
        return [utf16, "latin-1"]
    if b"\0" in data:
        raise EditFailed("it is a binary file")
    codecs = ["utf-8"]
    if path.endswith((".py", ".pyi")):
        declared = _declared_encoding(data)
        if declared:
            codecs.append(declared)
    return [*codecs, "latin-1"]


def _declared_encoding(data: bytes) -> str:
    """Return the encoding that a Python file declares (PEP 263); empty if it is unknown."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError:
        return ""
    return encoding


def _encode(text: str, before: DecodedText) -> bytes:
    if before.codec == "latin-1":
        # The real encoding is unknown: only characters that the file already contains are safe.
        non_ascii = {character for character in text if character > "\x7f"}
        if not non_ascii <= set(before.text):
            raise EditFailed(
                "the file is not UTF-8 and declares no encoding: only ASCII and characters that it"
                " already contains can be written to it"
            )
    try:
        return text.encode(before.codec)
    except UnicodeEncodeError as error:
        character = error.object[error.start]
        raise EditFailed(f"the file's encoding, {before.codec}, has no {character!r}") from error
