"""Django projects: how their manage.py runs tests, with which settings."""

import pytest

from repository.testing.detect.detection import detect
from tests.repository.testing.detect.trees import CASE, tree_of

MANAGE = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site1.settings")\nimport django\n'
SQLITE = 'DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3"}}\n'
POSTGRES = 'DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql"}}\n'
FILES = {"manage.py": MANAGE, "site1/settings.py": SQLITE, "notes/tests.py": CASE}
PYTEST = {"pytest.ini": "[pytest]\n"}


def settings_of(files: dict[str, str]) -> str | None:
    """Return the settings that ``manage.py`` is called with; None if it is not called so."""
    script = detect(tree_of({**FILES, **files})).draft.script
    options = [option for option in script.options if option.startswith("--settings=")]
    return options[0].removeprefix("--settings=") if options else None


def test_manage_py_runs_the_tests_that_django_would_find() -> None:
    detection = detect(tree_of({**FILES, "notes/test_views.py": CASE, "notes/testutils.py": ""}))
    assert detection.draft.runners == ("script",)
    assert detection.draft.script.path == "manage.py"
    assert detection.draft.script.options[:2] == ("test", "--noinput")
    assert set(detection.tests.paths) >= {"notes/tests.py", "notes/test_views.py"}
    assert detect(tree_of({**FILES, "notes/tests.py": ""})).draft.runners == ("script",)


@pytest.mark.parametrize(
    "files",
    [
        PYTEST,
        {"notes/tests.py": "def test_a(): ..."},
        {"notes/tests.py": "import pytest\n" + CASE},
    ],
)
def test_pytest_is_the_runner_where_it_is_used(files: dict[str, str]) -> None:
    draft = detect(tree_of({**FILES, **files})).draft
    assert draft.runners[0] == "pytest"
    assert draft.environment["DJANGO_SETTINGS_MODULE"] == "site1.settings"


@pytest.mark.parametrize(
    ("files", "settings"),
    [
        ({}, None),
        (
            {"site1/settings/__init__.py": SQLITE, "site1/settings/test.py": SQLITE},
            "site1.settings.test",
        ),
        ({"site1/test_settings.py": "from .settings import *\n"}, "site1.test_settings"),
        ({"site1/tests.py": CASE}, None),
        (
            {"ci.sh": "", "tox.ini": "[testenv]\nsetenv = DJANGO_SETTINGS_MODULE=site1.ci\n"},
            "site1.ci",
        ),
        (
            {
                "Makefile": "test:\n\tpython manage.py test --settings=site1.fast\n",
                "site1/fast.py": SQLITE,
                "site1/test_settings.py": SQLITE,
            },
            "site1.fast",
        ),
        ({".coding-agent.toml": "[tests]\nsettings = 'site1.own'\n"}, "site1.own"),
    ],
)
def test_settings_for_tests_are_preferred(files: dict[str, str], settings: str | None) -> None:
    assert settings_of(files) == settings


def test_settings_that_pytests_configuration_names_are_not_overridden() -> None:
    ini = {"pytest.ini": "[pytest]\nDJANGO_SETTINGS_MODULE = site1.other\n"}
    assert "DJANGO_SETTINGS_MODULE" not in detect(tree_of({**FILES, **ini})).draft.environment


def test_a_database_address_is_one_of_sqlite() -> None:
    files = {"site1/settings.py": "DATABASES = {'default': env.db('DATABASE_URL')}\n"}
    draft = detect(tree_of({**FILES, **files})).draft
    assert draft.environment["DATABASE_URL"] == "sqlite://:memory:"
    assert draft.obstacles == ()


def test_a_database_server_is_named_as_an_obstacle() -> None:
    draft = detect(tree_of({**FILES, "site1/settings.py": POSTGRES})).draft
    assert "site1.settings need a server of postgresql" in draft.obstacles[0]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("requirements.txt", "Django>=5\n"),
        ("Pipfile", "[packages]\nDjango = '>=5'\n"),
        ("pyproject.toml", "[project]\nname = 'x'\ndependencies = ['Django>=5']\n"),
    ],
)
def test_a_project_below_the_root_has_the_requirements_of_the_root(path: str, text: str) -> None:
    files = {f"src/{path}": text for path, text in FILES.items()}
    draft = detect(tree_of({**files, path: text})).draft
    assert draft.layout.folders == ("src",)
    assert draft.import_folders == ("src",)
    assert "Django>=5" in (*draft.needs.requirements, *draft.needs.dependencies)


def test_a_configured_runner_gets_the_configured_settings() -> None:
    config = "[tests]\nrunner = 'pytest'\nsettings = 'site1.own'\n"
    draft = detect(tree_of({**FILES, ".coding-agent.toml": config})).draft
    assert draft.runners == ("pytest",)
    assert draft.environment["DJANGO_SETTINGS_MODULE"] == "site1.own"
