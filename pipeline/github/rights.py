"""What a token may do, as far as GitHub says before anything is changed.

The ``permissions`` of a repository are those of the token's person, not the token's: a fine-grained
token may be allowed less. Pushing is checked by git itself (``repository.git.push_check``).
"""

from enum import Enum
from typing import TYPE_CHECKING

from pipeline.github.errors import forge_error, github_words

if TYPE_CHECKING:
    import github.Repository


class TokenKind(Enum):
    """The kinds of tokens that GitHub's prefixes distinguish
    (https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/).
    """

    CLASSIC = "classic"
    """A classic personal access token or an OAuth token; an unknown prefix counts as one."""
    FINE_GRAINED = "fine-grained"
    """A fine-grained personal access token, or a user's token for an App."""
    INSTALLATION = "installation"
    """A token of an App's installation, such as that of a workflow of GitHub Actions."""


_PREFIXES = {
    "github_pat_": TokenKind.FINE_GRAINED,
    "ghu_": TokenKind.FINE_GRAINED,
    "ghs_": TokenKind.INSTALLATION,
}


def token_kind(token: str) -> TokenKind:
    for prefix, kind in _PREFIXES.items():
        if token.startswith(prefix):
            return kind
    return TokenKind.CLASSIC


def find_fork_refusal(token: str) -> str | None:
    """Return why the token can't be used with forks; None if it can.

    A fine-grained token is limited to the repositories of one owner: it can't open a pull request
    from its person's fork in a repository of somebody else.
    """
    kind = token_kind(token)
    if kind is TokenKind.CLASSIC:
        return None
    return (
        f"a {kind.value} token can't open pull requests from a fork: use a classic token with the"
        " scope public_repo (or repo, for private repositories), or set CODING_AGENT_PUSH=branch"
    )


def find_pull_refusal(
    token: str, scopes: list[str] | None, repository: "github.Repository.Repository"
) -> str | None:
    """Return why the token can't open pull requests in the repository; None if it may.

    Args:
        scopes: of a classic token, as GitHub's last response named them; None if it named none.
    """
    if token_kind(token) is not TokenKind.CLASSIC:
        return _ask_with_empty_request(repository)
    return None if scopes is None else _scope_refusal(scopes, repository)


def _scope_refusal(scopes: list[str], repository: "github.Repository.Repository") -> str | None:
    if "repo" in scopes or ("public_repo" in scopes and not repository.private):
        return None
    needed = "repo" if repository.private else "public_repo"
    return (
        f"the token can't open pull requests in {repository.full_name}: give it the scope {needed}"
    )


def _ask_with_empty_request(repository: "github.Repository.Repository") -> str | None:
    """Send a request for a pull request that names no branches, so that none can be opened.

    GitHub checks the permission first (403), then the request (422: "head", "base" weren't
    supplied). Nothing else shows whether such a token may open pull requests; TruffleHog's analyzer
    of fine-grained tokens asks in the same way.
    """
    from github import GithubException

    try:
        repository.requester.requestJsonAndCheck("POST", f"{repository.url}/pulls", input={})
    except GithubException as error:
        if error.status == 422:
            return None
        missing = f"the token can't open pull requests in {repository.full_name}"
        refusal = forge_error(error, missing)
        if error.status not in (403, 404) or refusal is error:
            raise
        return f"{missing} (GitHub: {github_words(error)}): give it Pull requests: write"
    return None
