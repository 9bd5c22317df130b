"""Authors, as people write them."""

import pytest

from repository.git import Identity


@pytest.mark.parametrize("name", ["Example Bot", "coding-agent[bot]", "Zoë O'Neill", "x"])
def test_a_name_and_an_address_are_read(name: str) -> None:
    assert Identity.parse(f"{name} <bot@example.com>") == Identity(name, "bot@example.com")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bot@example.com",
        "Bot <bot>",
        "Bot<bot@example.com>",
        "Bot <bot@example.com",
        "Bot <a@b> <c@d>",
        "Bot <bot@example.com>\nSigned-off-by: x <y@z>",
        "Bot\n <bot@example.com>",
        "Bot. <bot@example.com>",
    ],
)
def test_what_git_would_alter_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Name <address>"):
        Identity.parse(text)
