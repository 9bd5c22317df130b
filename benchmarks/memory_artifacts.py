"""An artifact store in memory."""


class MemoryArtifacts:
    def __init__(self) -> None:
        self._data: dict[str, bytes] = {}

    def put(self, key: str, data: bytes) -> None:
        self._data[key] = data

    def get(self, key: str) -> bytes:
        try:
            return self._data[key]
        except KeyError:
            raise FileNotFoundError(key) from None

    def names(self, beginning: str) -> list[str]:
        return sorted(key for key in self._data if key.startswith(beginning) and "/" not in key)

    def address(self, key: str) -> str:
        return key
