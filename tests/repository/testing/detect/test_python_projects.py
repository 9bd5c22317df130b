"""Python projects in folders of a repository."""

import pytest

from repository.testing.detect.detection import detect
from repository.testing.detect.python_projects import choose_projects
from tests.repository.testing.detect.trees import CASE, tree_of

PACKAGE = "[project]\nname = '{}'\ndependencies = [{}]\n"
ROOT_PACKAGE = {"setup.py": "setup(name='shop')", "shop/cart.py": "", "tests/test_cart.py": CASE}
TWO = {
    "libs/core/pyproject.toml": PACKAGE.format("shop-core", ""),
    "libs/core/src/shop_core/__init__.py": "",
    "libs/core/tests/test_core.py": CASE,
    "libs/web/pyproject.toml": PACKAGE.format("shop-web", "'shop_core>=1', 'attrs'"),
    "libs/web/src/shop_web/__init__.py": "",
    "libs/web/tests/test_web.py": CASE,
    "libs/web/tests/test_pages.py": CASE,
}


def test_a_repository_with_one_project_is_its_root() -> None:
    files = {**ROOT_PACKAGE, "docs/requirements.txt": "", "tests/data/setup.py": ""}
    layout = choose_projects(tree_of(files), ["docs/conf.py"])
    assert (layout.folders, layout.project, layout.whole) == (("",), "", True)


def test_the_subpackages_of_numpy_distutils_are_no_projects() -> None:
    subpackage = "def configuration(parent_package='', top_path=None):\n    ...\n"
    files = {
        "setup.py": "setup(name='shop', configuration=configuration)",
        "shop/__init__.py": "",
        "shop/setup.py": subpackage,
        "shop/cart/__init__.py": "",
        "shop/cart/setup.py": subpackage,
        "shop/cart/tests/test_cart.py": CASE,
    }
    layout = choose_projects(tree_of(files), ["shop/cart/__init__.py"])
    assert (layout.folders, layout.project) == (("",), "")


@pytest.mark.parametrize(
    ("ranking", "folders"),
    [
        (["libs/core/src/shop_core/__init__.py"], ("libs/core",)),
        (["libs/web/src/shop_web/__init__.py"], ("libs/web",)),
        (["libs/core/a.py", "libs/web/b.py"], ("libs/core", "libs/web")),
        ([], ("libs/web",)),
    ],
)
def test_the_projects_that_an_issue_is_about_are_tested(
    ranking: list[str], folders: tuple[str, ...]
) -> None:
    layout = choose_projects(tree_of(TWO), ranking)
    assert layout.folders == folders
    assert layout.whole == (len(folders) == 2)


def test_a_package_of_the_repository_is_installed_with_those_that_need_it() -> None:
    draft = detect(tree_of(TWO), ["libs/web/src/shop_web/__init__.py"]).draft
    assert (draft.layout.project, draft.layout.siblings) == ("libs/web", ("libs/core",))
    assert draft.package.source_root == "libs/web/src"
    assert draft.needs.dependencies == ("attrs",)


@pytest.mark.parametrize(
    "text",
    [
        "[tool.poetry]\nname = 'x'\n[tool.poetry.dependencies]\nshop-core = {path = '../core'}\n",
        "[project]\nname = 'x'\n[tool.uv.sources]\nshop-core = {workspace = true}\n",
        "[project]\nname = 'x'\n[project.optional-dependencies]\ntest = ['shop-core']\n",
    ],
)
def test_dependencies_on_another_project_are_read_in_each_form(text: str) -> None:
    files = {**TWO, "libs/web/pyproject.toml": text + "[build-system]\n"}
    layout = choose_projects(tree_of(files), ["libs/web/src/shop_web/__init__.py"])
    assert layout.siblings == ("libs/core",)


@pytest.mark.parametrize(
    "files",
    [
        {"setup.py": "setup(name='x', extras_require={'core': ['shop-core>=1']})"},
        {"setup.py": "", "setup.cfg": "[options.extras_require]\ncore =\n  shop-core>=1\n"},
    ],
)
def test_extras_name_other_projects_in_the_older_forms_too(files: dict[str, str]) -> None:
    web = {f"libs/web/{path}": text for path, text in files.items()}
    others = {path: text for path, text in TWO.items() if path != "libs/web/pyproject.toml"}
    layout = choose_projects(tree_of({**others, **web}), ["libs/web/src/shop_web/__init__.py"])
    assert layout.siblings == ("libs/core",)


def test_a_package_of_the_repository_is_never_required_from_the_index() -> None:
    files = {**TWO, "libs/web/tox.ini": "[testenv]\ndeps =\n  shop-extra\n  mock\n"}
    files["libs/extra/pyproject.toml"] = "[project]\nname = 'shop_extra'\n[build-system]\n"
    draft = detect(tree_of(files), ["libs/web/src/shop_web/__init__.py"]).draft
    assert "shop-extra" in draft.layout.packages
    assert "mock" in draft.needs.requirements
    assert "shop-extra" not in draft.needs.requirements


def test_the_folder_of_a_package_is_no_name_that_an_index_may_not_provide() -> None:
    files = {
        **TWO,
        "contrib/redis/setup.py": "setup(name=read_name())",
        "contrib/redis/redis/__init__.py": "",
        "contrib/long/pyproject.toml": f"[project]\nname = '{'a' * 1000}'",
        "libs/web/tox.ini": "[testenv]\ndeps = redis\n",
    }
    draft = detect(tree_of(files), ["libs/web/src/shop_web/__init__.py"]).draft
    assert draft.layout.packages == ("shop-core", "shop-web")
    assert "redis" in draft.needs.requirements


def test_requirement_files_name_other_projects_by_their_folders() -> None:
    files = {
        **TWO,
        "service/requirements.txt": "-e ../libs/core\nattrs\n",
        "service/tests/test_a.py": CASE,
    }
    layout = choose_projects(tree_of(files), ["service/app.py"])
    assert (layout.folders, layout.siblings) == (("service",), ("libs/core",))


def test_a_root_with_tests_gives_way_only_to_a_package_that_the_issue_is_about() -> None:
    files = {**ROOT_PACKAGE, **TWO, "service/requirements.txt": "", "service/test_a.py": CASE}
    tree = tree_of(files)
    assert choose_projects(tree, []).folders == ("",)
    assert choose_projects(tree, ["shop/cart.py", "libs/web/b.py"]).folders[0] == ""
    assert choose_projects(tree, ["libs/web/b.py", "shop/x.py"]).folders[0] == "libs/web"
    assert choose_projects(tree, ["service/main.py"]).folders == ("",)


def test_tests_beside_the_package_are_run_in_the_root() -> None:
    files = {"python-package/setup.py": "setup(name='x')", "tests/test_x.py": CASE}
    layout = choose_projects(tree_of(files), [])
    assert (layout.folders, layout.project) == (("",), "python-package")


def test_a_project_without_tests_below_the_root_is_prepared() -> None:
    files = {"README.md": "", "backend/requirements.txt": "attrs", "backend/app.py": ""}
    draft = detect(tree_of(files), ["backend/app.py"]).draft
    assert draft.layout.folders == ("backend",)
    assert draft.import_folders == ("backend",)
    assert not draft.has_tests


def test_a_projects_own_files_and_the_roots_automation_are_read() -> None:
    files = {
        "backend/pyproject.toml": PACKAGE.format("shop", "")
        + "[dependency-groups]\ndev=['mock']\n",
        "backend/tests/check_a.py": "import yaml\n" + CASE,
        "backend/pytest.ini": "[pytest]\npython_files = check_*.py\n",
        "backend/requirements-test.txt": "attrs>=20\n",
        "pyproject.toml": "[dependency-groups]\ndev = ['hypothesis', 'shop']\n",
        ".github/workflows/ci.yml": "  - run: pip install -r backend/more.txt pyyaml==5\n",
        "backend/more.txt": "six\n",
    }
    detection = detect(tree_of(files))
    assert detection.tests.paths == ("backend/tests/check_a.py",)
    assert detection.draft.patterns[0] == "check_*.py"
    assert set(detection.draft.needs.requirements) >= {"attrs>=20", "mock", "six", "hypothesis"}
    assert "shop" not in detection.draft.needs.requirements
    assert detection.draft.needs.modules == {"yaml": "pyyaml==5"}
    sources = {need.line: str(need.source) for need in detection.needs}
    assert sources["attrs>=20"].startswith("backend/requirements-test.txt")


def test_configured_folders_override_the_choice() -> None:
    files = {**TWO, ".coding-agent.toml": "[tests]\nfolders = ['./libs/core/']\n"}
    draft = detect(tree_of(files), ["libs/web/src/shop_web/__init__.py"]).draft
    assert draft.layout.folders == ("libs/core",)
    assert not draft.layout.whole
    outside = detect(tree_of({".coding-agent.toml": "[tests]\nfolders = ['../x']\n"}))
    assert "is not a folder of the repository" in outside.reason


def test_of_projects_with_different_runners_those_of_the_first_are_the_suite() -> None:
    files = {
        "a/pytest.ini": "[pytest]\n",
        "a/test_a.py": "def test_a(): pass\n",
        "b/manage.py": "import django\n",
        "b/tests.py": CASE,
        ".coding-agent.toml": "[tests]\nfolders = ['a', 'b']\n",
    }
    draft = detect(tree_of(files)).draft
    assert (draft.layout.folders, draft.layout.whole) == (("a",), False)


@pytest.mark.parametrize(
    ("ranking", "runner"),
    [(["web/src/a.ts"], "jest"), (["server/a.py"], "unittest"), ([], "jest")],
)
def test_of_two_languages_the_one_that_the_issue_is_about_is_tested(
    ranking: list[str], runner: str
) -> None:
    files = {
        "package.json": '{"scripts": {"test": "jest"}}',
        "web/a.test.js": "test('a')",
        "web/b.test.js": "test('b')",
        "server/test_a.py": CASE,
    }
    assert detect(tree_of(files), ranking).draft.runners[0] == runner


def test_what_uv_takes_from_a_folder_is_never_installed_from_the_index() -> None:
    files = {
        "pyproject.toml": (
            "[project]\nname = 'shop'\ndependencies = ['shop-core', 'attrs']\n"
            "[dependency-groups]\ntest = ['shop-testing', 'pytest']\n"
            "[tool.uv.sources]\nshop_testing = {workspace = true}\n"
            "shop-core = [{path = 'vendor/core', marker = 'sys_platform == \"linux\"'}]\n"
        ),
        "tools/testing/pyproject.toml": "[project]\nname = 'shop-testing'\n",
        "tests/test_a.py": "import shop_testing\n",
    }
    needs = detect(tree_of(files)).draft.needs
    assert needs.requirements == ("pytest",)
    assert needs.dependencies == ("attrs",)


def test_sources_of_a_workspace_apply_to_its_members() -> None:
    files = {
        "pyproject.toml": "[tool.uv.sources]\nshop-testing = {workspace = true}\n",
        "libs/web/pyproject.toml": (
            "[project]\nname = 'web'\n[dependency-groups]\ntest = ['shop-testing', 'pytest']\n"
        ),
        "libs/web/tests/test_a.py": "",
    }
    assert detect(tree_of(files)).draft.needs.requirements == ("pytest",)
