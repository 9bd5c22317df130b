"""Git's smart HTTP protocol through ``git http-backend``, with GitHub's responses to wrong
credentials.

The request is spooled to a file that becomes the backend's stdin: streaming into it while it
responds can deadlock.
"""

import asyncio
import base64
import binascii
import subprocess
import tempfile
from typing import IO

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response

from tests.stand_ins.github.world import Token, World, git_environment

_SERVICES = {"git-upload-pack", "git-receive-pack"}


class GitHttp:
    def __init__(self, world: World):
        self._world = world

    def attach(self, app: FastAPI) -> None:
        app.add_api_route("/{owner}/{name}.git/{rest:path}", self._answer, methods=["GET", "POST"])

    async def _answer(self, request: Request) -> Response:
        owner, name, rest = (request.path_params[key] for key in ("owner", "name", "rest"))
        service = request.query_params.get("service", "") if rest == "info/refs" else rest
        if service not in _SERVICES or request.method != ("GET" if rest == "info/refs" else "POST"):
            return PlainTextResponse("Not Found", 404)  # GitHub has no dumb protocol any more
        token, has_credentials = self._token(request)
        if has_credentials and token is None:
            return _unauthorized("Invalid username or token.")
        repository = self._world.named(f"{owner}/{name}")
        writes = service == "git-receive-pack"
        if token is None and (writes or not self._world.visible(repository, None)):
            return _unauthorized("Authentication required.")
        if repository is None or not self._world.visible(repository, token):
            return PlainTextResponse("Repository not found.", 404)
        may_read = token is None or token.may("contents", "read", repository)
        if not may_read or (writes and (token is None or not token.may_push(repository))):
            # GitHub says this to those who may not read, too.
            return PlainTextResponse("Write access to repository not granted.", 403)
        if repository.disabled:
            text = "Access to this repository has been disabled by GitHub staff."
            return PlainTextResponse(text, 403)
        if writes and repository.archived:
            return PlainTextResponse("This repository was archived so it is read-only.", 403)
        if service == "git-upload-pack" and owner in self._world.slow_owners:
            await self._wait_for_disconnect(request)
        with tempfile.TemporaryFile() as body:
            async for chunk in request.stream():
                body.write(chunk)
            environment = git_environment() | {
                "GIT_PROJECT_ROOT": str(self._world.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": f"/{repository.path.relative_to(self._world.root)}/{rest}",
                "QUERY_STRING": request.url.query,
                "REQUEST_METHOD": request.method,
                "CONTENT_TYPE": request.headers.get("content-type", ""),
                "CONTENT_LENGTH": str(body.tell()),
                "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
                "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
                "REMOTE_USER": token.login if token else "",
                "REMOTE_ADDR": "127.0.0.1",
            }
            body.seek(0)
            return await asyncio.to_thread(_backend, environment, body)

    async def _wait_for_disconnect(self, request: Request) -> None:
        self._world.waiting_fetches += 1
        try:
            while (await request.receive())["type"] != "http.disconnect":
                pass
        finally:
            self._world.waiting_fetches -= 1

    def _token(self, request: Request) -> tuple[Token | None, bool]:
        """Return the token, and whether the request has credentials. The user is x-access-token."""
        kind, _, coded = request.headers.get("authorization", "").partition(" ")
        if not coded:
            return None, False
        try:
            user, _, secret = base64.b64decode(coded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None, True
        return (
            self._world.tokens.get(secret) if (kind, user) == ("Basic", "x-access-token") else None
        ), True


def _unauthorized(message: str) -> Response:
    return PlainTextResponse(message, 401, {"WWW-Authenticate": 'Basic realm="GitHub"'})


def _backend(environment: dict[str, str], body: IO[bytes]) -> Response:
    process = subprocess.run(
        ["git", "http-backend"], stdin=body, capture_output=True, env=environment, check=True
    )
    head, _, content = process.stdout.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n") if line)
    status = int(headers.pop("Status", "200 OK").split()[0])
    return Response(content, status, headers)
