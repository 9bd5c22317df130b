"""Which paths may name a file of a repository."""


def is_writable(path: str) -> bool:
    """Return whether a file with this path may be written; a model's path may be any string.

    Names with leading or trailing whitespace are refused: ``git apply`` can't read every patch that
    ``git diff`` writes for them.
    """
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        return False
    if b"\0" in encoded:
        return False
    return all(part == part.strip() and part not in ("", ".", "..") for part in path.split("/"))
