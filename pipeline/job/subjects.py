"""What a job is about: an issue or a pull request, each with one spelling of its address."""

import re
from typing import Self
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import BaseModel, ConfigDict

from pipeline.message_text import REFUSED_CHARACTERS

#: Characters of an address, at most.
MAX_ADDRESS = 2_000
#: Host of the issues of local repositories.
LOCAL_HOST = "file"
_REPOSITORY_PATH = (
    # The name of an enterprise's managed user ends in an underscore and a short code.
    r"/(?P<owner>[A-Za-z0-9][A-Za-z0-9-]{0,38}(?:_[A-Za-z0-9]{1,38})?)"
    r"/(?P<name>(?!\.{1,2}/)[A-Za-z0-9._-]{1,100})"
)
_NUMBER = r"(?P<number>[1-9][0-9]{0,9})"
_ISSUE_PATH = re.compile(rf"{_REPOSITORY_PATH}/issues/{_NUMBER}/?")
_PULL_PATH = re.compile(
    rf"{_REPOSITORY_PATH}/pull/{_NUMBER}(?:/(?:files|commits|checks|changes))?/?"
)
_ANY_PULL_PATH = re.compile(r"/[^/]+/[^/]+/pull/[0-9]+")
_LOCAL_PATH = re.compile(rf"(?P<path>/.+)/issues/{_NUMBER}")


class Subject(BaseModel):
    """An issue or a pull request: its address and the parts of it. GitHub numbers both together.

    ``url`` is canonical: each has one spelling.
    """

    model_config = ConfigDict(frozen=True)

    url: str
    host: str
    owner: str
    name: str
    number: int

    @property
    def repository(self) -> str:
        return f"{self.owner}/{self.name}"

    @property
    def is_local(self) -> bool:
        """Whether it exists only as text: its number and address mean nothing to others."""
        return self.host == LOCAL_HOST

    @property
    def label(self) -> str:
        """``OWNER/NAME#N``; of a local repository only its name."""
        return self.name if self.is_local else f"{self.repository}#{self.number}"


class IssueRef(Subject):
    """An issue."""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read ``https://HOST/OWNER/NAME/issues/N``; of a local repository, ``file:///PATH/issues/N``.

        Owner and name become lower case, since GitHub ignores their case.

        Raises:
            ValueError: it is not an issue's address; the message shows what one looks like.
        """
        parts = _split(url)
        if parts.scheme == "file" and not parts.netloc:
            local = _LOCAL_PATH.fullmatch(unquote(parts.path))
            if local is not None and "\0" not in local["path"]:
                return cls._local(url.strip(), local)
        if is_pull_url(url):
            raise ValueError(
                f"{url!r} is a pull request's address; give an issue's:"
                " https://github.com/OWNER/NAME/issues/N"
            )
        host = _https_host(parts)
        match = _ISSUE_PATH.fullmatch(parts.path)
        if not host or match is None:
            raise ValueError(
                f"{url!r} is not an issue's address; it looks like"
                " https://github.com/OWNER/NAME/issues/N"
            )
        return cls(**_parts(host, "issues", match))

    @classmethod
    def _local(cls, url: str, match: re.Match[str]) -> Self:
        name = match["path"].rstrip("/").rsplit("/", 1)[-1]
        number = int(match["number"])
        return cls(url=url, host=LOCAL_HOST, owner="local", name=name, number=number)


class PullRef(Subject):
    """A pull request."""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read ``https://HOST/OWNER/NAME/pull/N``, or the address of one of its tabs.

        Raises:
            ValueError: it is not a pull request's address; the message shows what one looks like.
        """
        parts = _split(url)
        host = _https_host(parts)
        match = _PULL_PATH.fullmatch(parts.path)
        if not host or match is None:
            raise ValueError(
                f"{url!r} is not a pull request's address; it looks like"
                " https://github.com/OWNER/NAME/pull/N"
            )
        return cls(**_parts(host, "pull", match))


def parse_subject(url: str) -> IssueRef | PullRef:
    """Read the address of an issue or of a pull request.

    Raises:
        ValueError: it is neither.
    """
    return PullRef.parse(url) if is_pull_url(url) else IssueRef.parse(url)


def is_pull_url(url: str) -> bool:
    """Return whether an address looks like a pull request's; ``PullRef.parse`` may refuse it."""
    return _ANY_PULL_PATH.match(urlsplit(url.strip()).path) is not None


def _split(url: str) -> SplitResult:
    """Split an address that a message can contain.

    Raises:
        ValueError: it is too long, has other characters, or is no address.
    """
    stripped = url.strip()
    if len(stripped) > MAX_ADDRESS:
        raise ValueError(f"it has more than {MAX_ADDRESS} characters")
    if REFUSED_CHARACTERS.search(stripped):
        raise ValueError(f"{url!r} contains a character that no address has")
    return urlsplit(stripped)


def _parts(host: str, kind: str, match: re.Match[str]) -> dict[str, str | int]:
    """Return the fields of a Subject. ``kind`` is the word before the number in its address."""
    owner = match["owner"].lower()
    name = match["name"].lower()
    number = int(match["number"])
    url = f"https://{host}/{owner}/{name}/{kind}/{number}"
    return {"url": url, "host": host, "owner": owner, "name": name, "number": number}


def _https_host(parts: SplitResult) -> str:
    """Return the host of an https address, with its port if it is not 443.

    It is empty for other addresses, and for those with credentials.
    """
    has_credentials = parts.username or parts.password
    if parts.scheme != "https" or not parts.hostname or has_credentials:
        return ""
    port = "" if parts.port in (None, 443) else f":{parts.port}"
    return f"{parts.hostname.lower()}{port}"
