"""JSON values inside a text."""

import pytest

from repository.json_reader import InvalidJson, decode


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a": ', "}"), ("[1, ", "]")])
def test_values_nested_too_deeply_are_invalid_on_every_version_of_python(
    opening: str, closing: str
) -> None:
    deep = f"{opening * 100}1{closing * 100}"
    assert decode(f"x {deep} y", 2)[1] == len(deep) + 2
    with pytest.raises(InvalidJson, match="more than 100 levels"):
        decode(f"{opening}{deep}{closing}", 0)
