"""Which package is installed for what tests lack; never a stranger's for the repository's own."""

from dataclasses import replace

from repository.testing.detect.own_modules import OwnModules
from repository.testing.detect.requirements import Confidence, Source, needs_from
from repository.testing.loading.remedies import MAX_WORDS, Remedy, RepositoryNames, find_remedies
from repository.testing.loading.symptoms import Lack, Symptom

PATHS = (
    "src/shop/__init__.py",
    "src/shop/cart/yaml.py",
    "libs/shopkit/__init__.py",
    "tests/helpers.py",
    "examples/flask/app.py",
)
NAMES = RepositoryNames.of(
    PATHS,
    needs_from(
        ["PyYAML>=5", "responses==0.10", "flask<3"], Source("requirements.txt"), Confidence.DECLARED
    ),
    "Shop",
    {"async-rest": ["google-auth[aiohttp]>=2", "requests-async"]},
    lambda module: module in ("docutils", "PIL"),
)


def remedy_for(lack: Lack, name: str) -> Remedy | None:
    remedies = find_remedies([Symptom(lack, name, "line")], NAMES)
    return remedies[0] if remedies else None


def test_modules_outside_of_packages_are_the_repositorys_own() -> None:
    own = OwnModules.of(PATHS)
    assert own.modules == {"shop", "yaml", "shopkit", "helpers", "app"}
    assert own.folders >= {"src", "flask", "tests"}


def test_a_module_inside_a_package_is_no_top_level_module() -> None:
    own = OwnModules.of(["shop/__init__.py", "shop/yaml.py", "shop/numpy/__init__.py"])
    assert own.modules == {"shop"}


def test_the_requirement_that_the_repository_states_is_installed() -> None:
    assert remedy_for(Lack.MODULE, "responses") == Remedy("responses==0.10", "line", "responses")
    assert remedy_for(Lack.MODULE, "flask") == Remedy("flask<3", "line", "flask")


def test_the_table_knows_packages_of_another_name() -> None:
    assert remedy_for(Lack.MODULE, "bs4") == Remedy("beautifulsoup4", "line", "bs4")
    assert remedy_for(Lack.FIXTURE, "mocker") == Remedy("pytest-mock", "line")
    assert remedy_for(Lack.MARK, "asyncio") == Remedy("pytest-asyncio", "line")
    assert remedy_for(Lack.OPTION, "--cov") == Remedy("pytest-cov", "line")


def test_a_package_of_the_modules_own_name_is_a_guess() -> None:
    assert remedy_for(Lack.MODULE, "tabulate") == Remedy(
        "tabulate", "line", "tabulate", is_guess=True
    )


def test_a_module_whose_name_no_package_can_have_is_not_looked_up() -> None:
    assert remedy_for(Lack.MODULE, "_speedups") is None
    assert remedy_for(Lack.MODULE, "caf\u00e9") is None


def test_of_very_many_words_in_skips_the_first_are_looked_up() -> None:
    looked_up: list[str] = []

    def imports(module: str) -> bool:
        looked_up.append(module)
        return False

    words = [Symptom(Lack.OPTIONAL, f"word{number}", "line") for number in range(3 * MAX_WORDS)]
    missing = Symptom(Lack.MODULE, "flask", "line")
    names = replace(NAMES, imports=imports)
    assert [remedy.requirement for remedy in find_remedies([*words, missing], names)] == ["flask<3"]
    assert len(looked_up) == MAX_WORDS


def test_own_modules_are_never_looked_up() -> None:
    for module in ("shop", "shopkit", "helpers", "yaml", "examples", "json"):
        assert remedy_for(Lack.MODULE, module) is None, module
    assert remedy_for(Lack.PACKAGE, "shop") is None


def test_a_word_of_a_skip_is_a_package_only_if_the_repository_imports_it() -> None:
    assert remedy_for(Lack.OPTIONAL, "network") is None
    assert remedy_for(Lack.OPTIONAL, "Docutils") == Remedy(
        "docutils", "line", "docutils", is_guess=True
    )
    assert remedy_for(Lack.OPTIONAL, "Pillow") == Remedy("pillow", "line", "PIL")


def test_an_extra_of_the_repository_is_installed_with_its_requirements() -> None:
    symptoms = [
        Symptom(Lack.EXTRA, "Shop[async_rest]", "line"),
        Symptom(Lack.EXTRA, "stranger[async_rest]", "line"),
    ]
    assert find_remedies(symptoms, NAMES) == [
        Remedy("google-auth[aiohttp]>=2", "line"),
        Remedy("requests-async", "line"),
    ]


def test_another_package_of_the_repository_is_never_a_strangers() -> None:
    extras = {"all": ["grpcio", "shop_core>=2"]}
    names = RepositoryNames.of([], [], "shop", extras, lambda _: True)
    names = replace(names, others=frozenset({"shop-core"}))
    symptoms = [
        Symptom(Lack.EXTRA, "shop[all]", "line"),
        Symptom(Lack.PACKAGE, "shop-core", "line"),
    ]
    assert find_remedies(symptoms, names) == [Remedy("grpcio", "line")]


def test_a_package_of_an_extra_brings_the_rest_of_the_smallest_one_that_has_it() -> None:
    extras = {
        "all": ["grpcio>=1", "grpcio-status>=1", "redis"],
        "grpc": ["grpcio>=1", "grpcio-status>=1"],
    }
    names = RepositoryNames.of([], [], "shop", extras, lambda _: True)
    remedies = find_remedies([Symptom(Lack.MODULE, "grpc", "line")], names)
    assert [remedy.requirement for remedy in remedies] == ["grpcio>=1", "grpcio-status>=1"]


def test_unknown_fixtures_and_options_are_left_alone() -> None:
    assert remedy_for(Lack.FIXTURE, "db") is None
    assert remedy_for(Lack.OPTION, "--shop") is None
