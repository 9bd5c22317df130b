"""Fixtures of the tests that open pages in Chromium."""

from collections.abc import Iterator

import pytest

from tests.browser.chromium import Browser, start_browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with start_browser() as browser:
        yield browser
