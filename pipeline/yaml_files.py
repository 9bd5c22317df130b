"""YAML that an operator writes: a key that occurs twice is an error."""

from collections.abc import Hashable
from typing import Any

import yaml


class _UniqueKeysLoader(yaml.SafeLoader):
    """Refuses duplicate keys, of which YAML would drop the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key!r} occurs twice", node.start_mark
                )
        return super().construct_mapping(node, deep=deep)


def load_yaml(text: str) -> Any:
    """Return the document as plain data.

    Raises:
        ValueError, yaml.YAMLError: it is not YAML, or a key occurs twice in a mapping.
    """
    return yaml.load(text, _UniqueKeysLoader)  # noqa: S506 (a SafeLoader)
