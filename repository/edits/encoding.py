"""Decode files to text and encode them again, so that text outside of edits keeps its bytes."""

from collections.abc import Callable, Mapping

from repository.edits.model import EditFailed
from repository.text_encoding import DecodedText, NotText, decode_again, decode_text


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
        self._decoded[path] = decode(data)
        return self._decoded[path].text

    def encode(
        self, texts: Mapping[str, str | None], moved: Mapping[str, str]
    ) -> dict[str, bytes | None]:
        """Encode the new texts, each in its file's encoding; new files are UTF-8.

        Args:
            texts: path -> new text, or None if the file is removed.
            moved: new path -> the path of the file that was renamed or copied.

        Raises:
            EditFailed: a text contains a character that its file's encoding lacks.
        """
        files: dict[str, bytes | None] = {}
        for path, text in texts.items():
            before = self._decoded.get(moved.get(path, path), DecodedText("", "utf-8"))
            files[path] = None if text is None else _encode(text, before)
        return files


def decode(data: bytes, before: DecodedText | None = None) -> DecodedText:
    """Decode a file so that it can be encoded again without loss.

    ``before`` is the file's earlier content, if there is any.

    Raises:
        EditFailed: the file is not text.
    """
    try:
        return decode_text(data) if before is None else decode_again(data, before)
    except NotText as error:
        raise EditFailed(str(error)) from error


def _encode(text: str, before: DecodedText) -> bytes:
    if before.is_guessed:
        # The real encoding is unknown: only characters that the file already contains are safe.
        non_ascii = {character for character in text if character > "\x7f"}
        if not non_ascii <= set(before.text):
            raise EditFailed(
                f"the file is not UTF-8 and declares no encoding (it was read as {before.codec}):"
                " only ASCII and characters that it already contains can be written to it"
            )
    try:
        return text.encode(before.codec)
    except UnicodeEncodeError as error:
        character = error.object[error.start]
        raise EditFailed(f"the file's encoding, {before.codec}, has no {character!r}") from error
