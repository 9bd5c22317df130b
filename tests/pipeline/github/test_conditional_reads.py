"""What GitHub answered before is not sent again while it is unchanged."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from requests import PreparedRequest, Request, Response

from pipeline.github.response_cache import ResponseCache
from pipeline.github.rest import GithubForge
from pipeline.github.rest_conversation import GithubConversation
from pipeline.job import IssueRef, PullRef
from tests.stand_ins.github import OUTSIDER_TOKEN, READ_TOKEN, WRITE_TOKEN, GithubStandIn

REF = IssueRef.parse("https://github.com/octo/sample/issues/1")


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GithubStandIn]:
    with GithubStandIn(tmp_path / "github") as server:
        server.add_repository("octo/sample", {"a.txt": "a\n"})
        server.add_issue("octo/sample", "A", "b", comments=["one"])
        yield server


def statuses(github: GithubStandIn) -> list[int | None]:
    """Return the statuses of the requests since the last call."""
    logged = [request.status for request in github.requests]
    github.requests.clear()
    return logged


def test_an_unchanged_answer_is_read_without_its_body(github: GithubStandIn) -> None:
    forge = GithubForge(github.connect(WRITE_TOKEN))
    github.add_pull("octo/sample", "Fixes #1")
    first = (forge.repository(REF), forge.issue(REF), forge.open_pulls(REF))
    statuses(github)
    again = (forge.repository(REF), forge.issue(REF), forge.open_pulls(REF))
    assert set(statuses(github)) == {304}
    assert again == first


def test_a_change_is_seen_at_once(github: GithubStandIn) -> None:
    forge = GithubForge(github.connect(WRITE_TOKEN))
    number = github.add_pull("octo/sample", "Fixes #1")
    assert (forge.issue(REF).state, len(forge.open_pulls(REF))) == ("open", 1)
    github.close_issue("octo/sample", 1)
    github.add_comment("octo/sample", 1, "ann", "two")
    github.close_pull("octo/sample", number)
    changed = forge.issue(REF)
    assert (changed.state, len(changed.comments)) == ("closed", 2)
    assert forge.open_pulls(REF) == []


def test_a_refusal_is_not_hidden_by_an_earlier_answer(github: GithubStandIn) -> None:
    forge = GithubForge(github.connect(WRITE_TOKEN))
    forge.repository(REF)
    github.delete_repository("octo/sample")
    with pytest.raises(Exception, match="does not exist"):
        forge.repository(REF)


def test_scopes_are_those_of_the_newest_answer(github: GithubStandIn) -> None:
    forge = GithubForge(github.connect(WRITE_TOKEN))
    assert forge.pull_refusal(REF) is None
    github.limit_scopes(WRITE_TOKEN, "gist")
    assert "give it the scope" in str(forge.pull_refusal(REF))


def test_a_comment_that_begins_another_page_is_seen(github: GithubStandIn) -> None:
    conversation = GithubConversation(github.connect(WRITE_TOKEN))
    pull = PullRef.parse(
        f"https://github.com/octo/sample/pull/{github.add_pull('octo/sample', 'A')}"
    )
    for number in range(1, 102):
        github.add_comment("octo/sample", pull.number, "ann", f"{number}")
        if number >= 100:
            newest = conversation.discussion(pull).comments[-1]
            assert newest.body == f"{number}"


def request(token: str, page: int = 1) -> PreparedRequest:
    address = f"https://api.github.com/repos/o/r/pulls?per_page=2&page={page}"
    return Request("GET", address, headers={"Authorization": f"token {token}"}).prepare()


def response(status: int, body: bytes = b"", **headers: str) -> Response:
    made = Response()
    made.status_code = status
    made._content = body
    made.headers.update(headers)
    return made


def is_conditional(cache: ResponseCache, asked: PreparedRequest) -> bool:
    cache.make_conditional(asked)
    return "If-None-Match" in asked.headers


def test_an_answer_is_for_its_token_and_its_address_only() -> None:
    cache = ResponseCache()
    cache.complete(request(WRITE_TOKEN), response(200, b"[]", ETag='"1"'))
    assert is_conditional(cache, request(WRITE_TOKEN))
    assert not is_conditional(cache, request(READ_TOKEN))
    assert not is_conditional(cache, request(WRITE_TOKEN, page=2))
    unknown = cache.complete(request(OUTSIDER_TOKEN), response(304))
    assert (unknown.status_code, unknown.content) == (304, b"")


def test_the_headers_of_the_new_answer_replace_the_stored_ones() -> None:
    cache = ResponseCache()
    first = response(200, b"[1]", **{"ETag": '"1"', "X-RateLimit-Remaining": "9", "X-Other": "a"})
    cache.complete(request(WRITE_TOKEN), first)
    unchanged = response(304, **{"X-RateLimit-Remaining": "8"})
    for _ in range(2):
        completed = cache.complete(request(WRITE_TOKEN), unchanged)
        assert (completed.status_code, completed.json()) == (200, [1])
        assert completed.headers["X-RateLimit-Remaining"] == "8"
        assert completed.headers["X-Other"] == "a"
    assert first.headers["X-RateLimit-Remaining"] == "9"


def test_a_page_that_is_not_the_last_one_or_is_full_is_not_stored() -> None:
    cache = ResponseCache()
    linked = response(200, b"[1]", ETag='"1"', Link='<https://api.github.com/x>; rel="first"')
    for page in (linked, response(200, b"[1, 2]", ETag='"2"')):
        cache.complete(request(WRITE_TOKEN), response(200, b"[1]", ETag='"0"'))
        cache.complete(request(WRITE_TOKEN), page)
        assert not is_conditional(cache, request(WRITE_TOKEN))


def test_the_cache_stays_small_and_forgets_what_was_not_used_for_longest() -> None:
    cache = ResponseCache(max_bytes=25)
    for page in (1, 2):
        cache.complete(request(WRITE_TOKEN, page), response(200, b"x" * 10, ETag='"1"'))
    cache.complete(request(WRITE_TOKEN, 1), response(304))
    cache.complete(request(WRITE_TOKEN, 3), response(200, b"x" * 10, ETag='"1"'))
    kept = [page for page in (1, 2, 3) if is_conditional(cache, request(WRITE_TOKEN, page))]
    assert kept == [1, 3]
    cache.complete(request(WRITE_TOKEN, 4), response(200, b"x" * 30, ETag='"1"'))
    assert not is_conditional(cache, request(WRITE_TOKEN, 4))
    cache.complete(request(WRITE_TOKEN, 5), response(200, b"x"))
    assert not is_conditional(cache, request(WRITE_TOKEN, 5)), "it has no tag"


def test_small_answers_are_limited_in_number() -> None:
    cache = ResponseCache(max_responses=2)
    for page in (1, 2, 3):
        cache.complete(request(WRITE_TOKEN, page), response(200, b"x", ETag='"1"'))
    kept = [page for page in (1, 2, 3) if is_conditional(cache, request(WRITE_TOKEN, page))]
    assert kept == [2, 3]
