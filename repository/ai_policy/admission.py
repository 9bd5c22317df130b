"""Whether a repository's files allow this service to open a pull request."""

from dataclasses import dataclass

from repository.ai_policy.files import MAX_CHARACTERS, select_policy_files
from repository.ai_policy.policy import AiPolicy, Quote, read_ai_policy
from repository.config import CONFIG, ConfigError, read_enabled
from repository.git import Mirror
from repository.text_encoding import read_text

_MAX_BYTES = 4 * MAX_CHARACTERS


@dataclass(frozen=True)
class Admission:
    """What a repository says to this service."""

    refusal: str | None
    """Why no pull request may be opened; None if one may."""
    conditions: tuple[Quote, ...]
    """Sentences that ask something of contributions that a model made."""


def read_admission(mirror: Mirror, repository: str, url: str, sha: str) -> Admission:
    """Read what the files of a commit say. Blocks.

    Args:
        repository: its name, for the refusal.
        url: from which the contents that the mirror lacks are fetched.

    Raises:
        GitRefused, GitUnavailable: they can't be fetched.
    """
    config, texts = _read_files(mirror, url, sha)
    policy = read_ai_policy(texts)
    return Admission(_find_refusal(repository, policy, config), policy.conditions)


def _read_files(mirror: Mirror, url: str, sha: str) -> tuple[str | None, dict[str, str]]:
    """Return the ``.coding-agent.toml``, if there is one, and the texts of the policy's files."""
    paths = mirror.paths(sha)
    selected = select_policy_files(paths)
    wanted = [*selected, CONFIG] if CONFIG in paths else selected
    if not wanted:
        return None, {}
    mirror.fetch_contents(url, sha, wanted)
    texts: dict[str, str] = {}
    for path in wanted:
        data = mirror.read(sha, path)
        if data is not None:
            texts[path] = read_text(data[:_MAX_BYTES])
    return texts.pop(CONFIG, None), texts


def _find_refusal(repository: str, policy: AiPolicy, config: str | None) -> str | None:
    """Return why no pull request may be opened in a repository; None if one may.

    Its ``.coding-agent.toml`` is about this very service, and outweighs what is said about all. A
    file that says something of ``enabled`` which can't be read may be meant as a no.
    """
    enabled = None
    try:
        enabled = read_enabled(config)
    except ConfigError as error:
        if config is not None and "enabled" in config:
            return (
                f"{repository} may not want this service: {error}; write enabled = true or"
                " enabled = false before the first table"
            )
    if enabled is False:
        return f"{repository} does not want this service: its {CONFIG} says enabled = false"
    if enabled or policy.forbidden_by is None:
        return None
    return (
        f"{repository} does not accept such contributions: {policy.forbidden_by}; its maintainers"
        f" can invite this service with enabled = true in {CONFIG} on the default branch"
    )
