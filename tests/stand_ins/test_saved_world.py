"""A stand-in for GitHub that is started again knows what happened before."""

from pathlib import Path

import httpx

from tests.stand_ins.github import WRITE_TOKEN, GithubStandIn


def test_a_second_stand_in_on_the_same_folder_has_the_first_ones_data(tmp_path: Path) -> None:
    state = tmp_path / "world.pickle"
    with GithubStandIn(tmp_path, state=state) as first:
        first.add_repository("acme/app", {"a.txt": "a\n"})
        first.add_issue("acme/app", "A bug", "It fails.")
        first.save()
        url = f"{first.api_url}/repos/acme/app/issues/1/comments"
        headers = {"Authorization": f"token {WRITE_TOKEN}"}
        httpx.post(url, json={"body": "Seen."}, headers=headers).raise_for_status()
    with GithubStandIn(tmp_path, state=state) as second:
        url = f"{second.api_url}/repos/acme/app/issues/1/comments"
        comments = httpx.get(url, headers=headers).raise_for_status().json()
    assert [comment["body"] for comment in comments] == ["Seen."]
    assert second.files("acme/app", "main") == {"a.txt": b"a\n"}
