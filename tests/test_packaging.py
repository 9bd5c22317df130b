"""The distributions: what they contain, and the program installed from them alone."""

import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "examples/demo"
UV = str(Path(sys.executable).with_name("uv"))
#: What setuptools adds to a source distribution.
GENERATED = re.compile(r"PKG-INFO|setup\.cfg|coding_agent_service\.egg-info/.*")
#: What each command without its extra asks for.
LACKING = {
    "aws": ["worker", "submit https://github.com/octo/repo/issues/1", "dlq ls", "queue stats"],
    "github": ["fix https://github.com/octo/repo/issues/1"],
    "api": ["console"],
    "model": ["prompts golden"],
}

Run = Callable[[Sequence[str]], subprocess.CompletedProcess[str]]


def test_the_page_of_the_package_has_no_relative_links() -> None:
    text = (ROOT / "PACKAGE.md").read_text()
    assert re.findall(r"\]\((?!https://)", text) == []


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [UV, "build", "--quiet", "--no-build-isolation", "--offline", "--out-dir", folder]
    subprocess.run(command, cwd=ROOT, check=True)
    return folder


@pytest.mark.slow
def test_the_source_distribution_holds_every_file_of_the_repository(distributions: Path) -> None:
    (archive,) = distributions.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        names = [member.name.partition("/")[2] for member in tar if not member.isdir()]
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    tracked = {name for name in listed.stdout.splitlines() if (ROOT / name).exists()}
    assert tracked - set(names) == set()
    unknown = {name for name in set(names) - tracked if not GENERATED.fullmatch(name)}
    assert {name for name in unknown if not _is_new(name)} == set()


def _is_new(name: str) -> bool:
    """Return whether a file is one that nobody has committed yet, and git would not ignore."""
    ignored = subprocess.run(["git", "check-ignore", "--quiet", name], cwd=ROOT, check=False)
    return ignored.returncode == 1


@pytest.fixture(scope="module")
def coding_agent(distributions: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The program as ``uv tool install`` installs the wheel, without extras.

    Its dependencies come from the package index, or from uv's cache.
    """
    home = tmp_path_factory.mktemp("home")
    (wheel,) = distributions.glob("*.whl")
    environment = {
        **os.environ,
        "UV_TOOL_DIR": str(home / "tools"),
        "UV_TOOL_BIN_DIR": str(home / "bin"),
    }
    lock = ROOT / "requirements/run.txt"
    command = [UV, "tool", "install", "--quiet", "--python", sys.executable, "-c", lock, wheel]
    subprocess.run(command, env=environment, check=True)
    settings = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "CODING_AGENT_DATA_DIR": str(home / "data"),
        "CODING_AGENT_QUEUE_URL": "http://127.0.0.1:9/000000000000/jobs",
        "CODING_AGENT_TOPIC_ARN": "arn:aws:sns:us-east-1:000000000000:events",
        "CODING_AGENT_MODEL": "openai/gpt-4o-mini",
        "OPENAI_API_KEY": "nothing",
        "GITHUB_TOKEN": "nothing",
        "UV_FIND_LINKS": str(ROOT / ".wheelhouse"),
        "UV_NO_INDEX": "1",
    }

    def run(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(home / "bin/coding-agent"), *arguments],
            env=settings,
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    folder = tmp_path / "hourglass"
    script = f"""
        cp -r {DEMO}/sample {folder} && cd {folder} && git init --quiet && git add .
        git -c user.name=a -c user.email=a@example.com commit --quiet --message "The sample"
    """
    subprocess.run(["sh", "-ec", script], check=True)
    return folder


@pytest.mark.slow
def test_the_installed_wheel_fixes_the_sample(coding_agent: Run, sample: Path) -> None:
    arguments = ["fix", "--repo", str(sample), "--issue-file", str(DEMO / "issue.md")]
    result = coding_agent([*arguments, "--model", f"scripted:{DEMO}/replies.yaml", "--json"])
    assert result.returncode == 0, result.stderr
    facts = json.loads(result.stdout)["data"]
    assert (facts["outcome"], facts["verification"]) == ("proposed", "red to green")


@pytest.mark.slow
@pytest.mark.parametrize("extra", LACKING)
def test_a_command_without_its_extra_says_how_to_add_it(coding_agent: Run, extra: str) -> None:
    for command in LACKING[extra]:
        result = coding_agent(command.split())
        assert result.returncode == 2, command
        hint = f"install the extra '{extra}': uv tool install --force '/"
        assert hint in result.stderr, result.stderr
        assert "Traceback" not in result.stderr


@pytest.mark.slow
def test_doctor_lists_every_extra_that_is_missing(coding_agent: Run) -> None:
    result = coding_agent(["doctor"])
    assert "Traceback" not in result.stderr
    assert re.findall(r"✗ (\w+): install the extra", result.stdout) == [
        "PyGithub",
        "aioboto3",
        "FastAPI",
        "litellm",
    ]
