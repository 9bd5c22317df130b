"""Sessions of nox."""

from repository.testing.detect.nox import read_noxfile

NOXFILE = """\
import nox

TOOLS = ["mock>=4"]
PYTHONS = ["3.9"]

def prepare(session):
    session.install(*TOOLS)

@nox.session(python=PYTHONS, name="unit-3")
def unit(session, variant):
    prepare(session)
    session.install("pytest", "-r", "requirements.txt")
    if variant == "old":
        session.install("protobuf<4")
    session.run("python", "-m", "pytest", "-q")

@nox.session
def unit_gcp(session):
    session.install("gcp")
    unit(session)

@nox.session
def docfx(session):
    session.install("sphinx==4.0.1")
    session.run("sphinx-build")
"""


def test_only_unconditional_commands_of_sessions_that_run_tests_are_for_tests() -> None:
    lines = read_noxfile(NOXFILE)
    assert [(line.text, line.blocks[0]) for line in lines if line.for_tests] == [
        ("pip install 'mock>=4'", "prepare"),
        ("pip install pytest -r requirements.txt", "unit-3"),
        ("python -m pytest -q", "unit-3"),
    ]
    assert [line.text for line in lines if not line.for_tests] == [
        "pip install 'protobuf<4'",
        "pip install gcp",
        "pip install sphinx==4.0.1",
        "sphinx-build",
    ]


def test_noxfile_that_cannot_be_parsed_has_no_commands() -> None:
    assert read_noxfile("def f(:") == []
