"""What is said if no test ran: what was missing, and which line would provide it."""

import pytest

from repository.testing.loading.advice import advise


@pytest.mark.parametrize(
    ("output", "line"),
    [
        ("E   ModuleNotFoundError: No module named 'yaml'", 'requirements = ["pyyaml"] under'),
        ("Missing required plugins: pytest-env", 'requirements = ["pytest-env"] under [tests]'),
        ("error: unrecognized arguments: --shop", "the option --shop is unknown to pytest"),
        ("libGL.so.1: cannot open shared object file", "this machine lacks libGL.so.1"),
        ("ImproperlyConfigured: settings are not configured", "DJANGO_SETTINGS_MODULE"),
        ("psycopg2.OperationalError: Connection refused", "they need a server"),
        ("Segmentation fault", "runner or command under [tests] in .coding-agent.toml"),
    ],
)
def test_a_sentence_names_the_line(output: str, line: str) -> None:
    assert line in advise(output)
