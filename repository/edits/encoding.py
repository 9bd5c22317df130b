"""A file's bytes as text and back, so that what no edit touches keeps its bytes."""

import io
import tokenize

from repository.edits.model import EditFailed

_UTF16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


def decode(path: str, data: bytes) -> tuple[str, str]:
    """The text and the codec that gives its bytes back.

    UTF-8; UTF-16 by its mark; what a Python file declares; else Latin-1, which takes any bytes.

    Raises:
        EditFailed: it is no text file.
    """
    codecs = ["utf-8"]
    if utf16 := _UTF16.get(data[:2]):
        codecs = [utf16]
    elif b"\0" in data:
        raise EditFailed("it is a binary file")
    elif path.endswith((".py", ".pyi")) and declared(data):
        codecs.append(declared(data))
    for codec in (*codecs, "latin-1"):
        try:
            text = data.decode(codec)
            if text.encode(codec) == data:
                return text, codec
        except (UnicodeError, LookupError):
            continue
    raise AssertionError("Latin-1 takes any bytes")


def encode(text: str, codec: str, before: str) -> bytes:
    """Raises EditFailed for characters that the file's encoding lacks, or that nobody knows how to
    write there.
    """
    if codec == "latin-1" and not set(filter(lambda c: c > "\x7f", text)) <= set(before):
        raise EditFailed(
            "the file is not UTF-8 and says no encoding: only ASCII and what it holds can be"
            " written there"
        )
    try:
        return text.encode(codec)
    except UnicodeEncodeError as error:
        raise EditFailed(
            f"the file's encoding, {codec}, has no {error.object[error.start]!r}"
        ) from error


def declared(data: bytes) -> str:
    """The encoding that a Python file's first lines declare (PEP 263); UTF-8's name where none."""
    try:
        return tokenize.detect_encoding(io.BytesIO(data).readline)[0]
    except SyntaxError:
        return ""
