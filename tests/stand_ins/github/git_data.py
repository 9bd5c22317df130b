"""Git's objects over REST: commits that GitHub makes, and signs for Apps."""

from datetime import datetime
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from tests.stand_ins.github.answers import Refused
from tests.stand_ins.github.rest import Rest, Route
from tests.stand_ins.github.shapes import WEB, Json, Shapes
from tests.stand_ins.github.world import Repository, Token, World, git

_SIGNATURE = "-----BEGIN PGP SIGNATURE-----\n\nstand-in\n-----END PGP SIGNATURE-----"
_GITHUB = "GitHub <noreply@github.com>"


class GitData:
    def __init__(self, world: World, shapes: Shapes, rest: Rest):
        self._world = world
        self._shapes = shapes
        self._rest = rest
        self.signs = True
        """Whether commits of Apps are signed."""

    def attach(self) -> None:
        routes: list[Route] = [("POST", "/git/commits", self._create_commit)]
        self._rest.add(routes, open_to_readers=False)

    def _create_commit(
        self, request: Request, repository: Repository, token: Token, body: Any
    ) -> Response:
        """Create a commit object on no branch, from a tree and parents that are there."""
        self._require(repository, body["tree"], "tree", "Tree SHA does not exist")
        missing = "Parent SHA does not exist or is not a commit object"
        for parent in body["parents"]:
            self._require(repository, parent, "commit", missing)
        is_apps_own = token.login.endswith("[bot]") and not {"author", "committer"} & body.keys()
        is_signed = self.signs and is_apps_own
        self._world.next_id()
        sha = self._write(repository, token, body, self._world.now(), is_signed=is_signed)
        return JSONResponse(self._shape(repository, token, body, sha, is_signed=is_signed), 201)

    def _require(self, repository: Repository, sha: str, kind: str, message: str) -> None:
        found = git(repository.path, "cat-file", "-t", sha, check=False)
        if found.stdout.decode().strip() != kind:
            raise Refused(422, message)

    def _write(
        self, repository: Repository, token: Token, body: Json, at: datetime, *, is_signed: bool
    ) -> str:
        time = f"{int(at.timestamp())} +0000"
        lines = [f"tree {body['tree']}"]
        lines += [f"parent {parent}" for parent in body["parents"]]
        lines += [f"author {self._author(token)} {time}", f"committer {_GITHUB} {time}"]
        if is_signed:
            lines.append("gpgsig " + _SIGNATURE.replace("\n", "\n "))
        commit = "\n".join([*lines, "", body["message"]])
        written = git(
            repository.path,
            "hash-object",
            "-t",
            "commit",
            "-w",
            "--stdin",
            stdin=commit.encode(),
        )
        return written.stdout.decode().strip()

    def _author(self, token: Token) -> str:
        number = self._shapes.user(token.login)["id"]
        return f"{token.login} <{number}+{token.login}@users.noreply.github.com>"

    def _shape(
        self, repository: Repository, token: Token, body: Json, sha: str, *, is_signed: bool
    ) -> Json:
        name, _, address = self._author(token).rstrip(">").partition(" <")
        person = {"name": name, "email": address, "date": self._world.timestamp()}
        api = f"{self._shapes.api}/repos/{repository.full_name}/git"
        web = f"{WEB}/{repository.full_name}/commit"
        parents = [
            {"sha": parent, "url": f"{api}/commits/{parent}", "html_url": f"{web}/{parent}"}
            for parent in body["parents"]
        ]
        return {
            "sha": sha,
            "node_id": f"C_{sha}",
            "url": f"{api}/commits/{sha}",
            "html_url": f"{web}/{sha}",
            "author": person,
            "committer": {**person, "name": "GitHub", "email": "noreply@github.com"},
            "message": body["message"],
            "tree": {"sha": body["tree"], "url": f"{api}/trees/{body['tree']}"},
            "parents": parents,
            "verification": {
                "verified": is_signed,
                "reason": "valid" if is_signed else "unsigned",
                "signature": _SIGNATURE if is_signed else None,
                "payload": body["message"] if is_signed else None,
                "verified_at": self._world.timestamp() if is_signed else None,
            },
        }
