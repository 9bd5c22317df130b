"""Poetry's constraints on versions."""

import pytest

from repository.testing.detect.poetry import poetry_requirements


@pytest.mark.parametrize(
    ("stated", "requirement"),
    [
        ("*", "a"),
        ("^1.2.3", "a>=1.2.3,<2"),
        ("^0.2.3", "a>=0.2.3,<0.3"),
        ("^0.0", "a>=0.0,<0.1"),
        ("~1.2", "a>=1.2,<1.3"),
        ("~=1.2", "a~=1.2"),
        ("1.2.*", "a==1.2.*"),
        ("1.2.3", "a==1.2.3"),
        (">= 1.2, != 1.3", "a>=1.2,!=1.3"),
        ("^1.0 || ^2.0", "a>=2.0,<3"),
        ({"version": "^1", "extras": ["x", "y"]}, "a[x,y]>=1,<2"),
        ({"version": "*", "markers": "os_name == 'nt'"}, "a; (os_name == 'nt')"),
        ({"version": "*", "python": "<3.8"}, "a; python_full_version < '3.8'"),
    ],
)
def test_a_constraint_of_poetry_is_a_requirement(stated: object, requirement: str) -> None:
    assert poetry_requirements({"a": stated, "python": "^3.9"}) == [requirement]


@pytest.mark.parametrize(
    "stated", [{"git": "https://x.test/a"}, {"version": "*", "optional": True}]
)
def test_optional_packages_and_addresses_are_left_out(stated: object) -> None:
    assert poetry_requirements({"a": stated}) == []
