"""What a failing build shows."""

import pytest

from repository.testing.install.build_failures import BuildFailure, cause_of, classify, fingerprint


@pytest.mark.parametrize(
    ("output", "failure"),
    [
        (
            "Building a package is not possible in non-package mode.",
            BuildFailure.NO_PACKAGE,
        ),
        (
            "error: Multiple top-level packages discovered in a flat-layout: ['a', 'b'].",
            BuildFailure.NO_PACKAGE,
        ),
        ("urllib.error.URLError: <urlopen error [Errno -3]>", BuildFailure.NEEDS_NETWORK),
        ("No solution found when resolving dependencies:\n  because a", BuildFailure.UNSOLVABLE),
        ("ModuleNotFoundError: No module named 'numpy'", BuildFailure.MISSING_MODULE),
        ("a.pyx:4:0: 'scipy/linalg/blas.pxd' not found", BuildFailure.MISSING_MODULE),
        ("x.c:2: fatal error: numpy/arrayobject.h: No such file", BuildFailure.MISSING_MODULE),
        ("error: command 'gcc' failed with exit status 1", BuildFailure.COMPILER),
        ("Cython.Compiler.Errors.CompileError: a.pyx", BuildFailure.COMPILER),
        ("object has no attribute 'build_editable'", BuildFailure.NOT_EDITABLE),
        ("AttributeError: x", BuildFailure.OTHER),
    ],
)
def test_a_failing_build_names_its_kind(output: str, failure: BuildFailure) -> None:
    assert classify(output) is failure


def test_nothing_cures_a_project_without_a_package() -> None:
    assert BuildFailure.NO_PACKAGE.is_final
    assert not BuildFailure.NO_PACKAGE.may_build_without_isolation


def test_every_failure_that_tools_may_cure_is_tried_without_isolation() -> None:
    for failure in (BuildFailure.MISSING_MODULE, BuildFailure.COMPILER, BuildFailure.OTHER):
        assert failure.may_build_without_isolation


def test_sources_that_do_not_compile_are_not_copied_instead() -> None:
    assert not BuildFailure.COMPILER.may_copy
    assert BuildFailure.NOT_EDITABLE.may_copy


def test_the_same_failure_has_the_same_fingerprint_in_another_folder() -> None:
    first = "x\nerror: /tmp/abc1/setup.py line 12: ValueError: bad\n"
    second = "y z\nerror: /tmp/q9/setup.py line 14: ValueError: bad\n"
    assert fingerprint(first) == fingerprint(second)
    assert fingerprint(first) != fingerprint("error: KeyError: bad")


def test_the_cause_is_the_last_exception() -> None:
    output = "error: The build backend returned an error\n  cause: x\n\n    KeyError: 'no'\n"
    assert cause_of(f"{output}    RuntimeError: bad\n\nhint: y") == "RuntimeError: bad"
    assert cause_of("× No solution\nbecause") == "× No solution"
