"""Where the local stack's parts listen, keep their data and find their settings."""

from dataclasses import dataclass
from pathlib import Path

from tests.stand_ins.aws import REGION, Aws
from tests.stand_ins.github import WRITE_TOKEN

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "examples/demo"
QUEUE = "coding-agent-jobs"
TOPIC = "coding-agent-events"
REPOSITORY = "acme/hourglass"
_ACCOUNT = "000000000000"
_API_KEY = "for-this-machine-alone"


@dataclass(frozen=True)
class Ports:
    api: int
    console: int
    github: int
    aws: int


@dataclass(frozen=True)
class Stack:
    home: Path
    ports: Ports
    real_github: bool = False
    model: str | None = None
    """None: the demo's script."""

    @property
    def data_dir(self) -> Path:
        return self.home / "data"

    @property
    def logs(self) -> Path:
        return self.home / "log"

    @property
    def settings_file(self) -> Path:
        """The file that every command with this ``--data-dir`` reads."""
        return self.data_dir / ".env"

    @property
    def sample_issue(self) -> str:
        return f"https://github.com/{REPOSITORY}/issues/1"

    @property
    def aws(self) -> Aws:
        return Aws(f"http://127.0.0.1:{self.ports.aws}")

    @property
    def queue_url(self) -> str:
        return f"{self.aws.endpoint}/{_ACCOUNT}/{QUEUE}"

    @property
    def topic_arn(self) -> str:
        return f"arn:aws:sns:{REGION}:{_ACCOUNT}:{TOPIC}"

    @property
    def settings(self) -> dict[str, str]:
        """The settings by their variables. Real tokens and keys are not among them: they stay in
        the environment.
        """
        settings = {
            **self.aws.environment,
            "CODING_AGENT_QUEUE_URL": self.queue_url,
            "CODING_AGENT_TOPIC_ARN": self.topic_arn,
            "CODING_AGENT_PORT": str(self.ports.api),
            "CODING_AGENT_API_KEYS": f"local={_API_KEY}",
            "CODING_AGENT_MODEL": self.model or f"scripted:{DEMO}/replies.yaml",
        }
        if not self.real_github:
            settings |= {
                "GITHUB_API_URL": f"http://127.0.0.1:{self.ports.github}/api/v3",
                "GITHUB_TOKEN": WRITE_TOKEN,
                # The sample's dependencies come from wheels that `make setup` stored.
                "UV_FIND_LINKS": str(ROOT / ".wheelhouse"),
                "UV_NO_INDEX": "1",
            }
        return settings

    def write_settings(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.settings_file.write_text("".join(self._settings_lines()))

    def has_written_settings(self) -> bool:
        """Return whether the file has these settings; it may have others beside them."""
        lines = self.settings_file.read_text().splitlines(keepends=True)
        return set(self._settings_lines()) <= set(lines)

    def _settings_lines(self) -> list[str]:
        return [f"{name}='{value}'\n" for name, value in self.settings.items()]
