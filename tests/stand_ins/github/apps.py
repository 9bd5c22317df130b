"""GitHub Apps: checks JSON web tokens, and issues tokens for owners with an installation."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from tests.stand_ins.github.answers import Refused
from tests.stand_ins.github.shapes import Json, Shapes
from tests.stand_ins.github.world import Token, World

_STAMP = "2026-01-05T09:00:00Z"


class Apps:
    def __init__(self, world: World, shapes: Shapes):
        self._world = world
        self._shapes = shapes
        self.keys: dict[str, str] = {}
        """App id -> public key, PEM."""
        self.installed: dict[str, dict[str, str]] = {}
        """Owner -> the permissions that it granted."""
        self.events: list[str] = []
        """Kinds of events that an App subscribes to."""
        self.suspended: set[str] = set()
        """Owners who suspended their installation."""
        self.lifetime = timedelta(hours=1)
        self._made = 0

    def attach(self, app: FastAPI) -> None:
        app.add_api_route("/api/v3/app", self._app)
        app.add_api_route("/api/v3/repos/{owner}/{name}/installation", self._installation)
        path = "/api/v3/app/installations/{number}/access_tokens"
        app.add_api_route(path, self._access_token, methods=["POST"])

    async def _app(self, request: Request) -> Response:
        try:
            app_id = self._signed(request)
        except Refused as refused:
            return refused.response()
        return JSONResponse(
            {
                "id": int(app_id),
                "slug": "coding-agent",
                "node_id": "A_1",
                "name": "coding-agent",
                "owner": self._shapes.user("octo"),
                "description": None,
                "external_url": "https://example.com",
                "html_url": "https://github.com/apps/coding-agent",
                "created_at": _STAMP,
                "updated_at": _STAMP,
                "permissions": {},
                "events": self.events,
            }
        )

    async def _installation(self, request: Request, owner: str, name: str) -> Response:
        try:
            app_id = self._signed(request)
            repository = self._world.named(f"{owner}/{name}")
            if repository is None or repository.owner not in self.installed:
                raise Refused(404, "Not Found")
        except Refused as refused:
            return refused.response()
        number = [*self.installed].index(repository.owner) + 1
        url = f"{self._shapes.api}/app/installations/{number}"
        is_suspended = repository.owner in self.suspended
        shape: Json = {
            "id": number,
            "account": self._shapes.user(repository.owner),
            "repository_selection": "all",
            "access_tokens_url": f"{url}/access_tokens",
            "repositories_url": url,
            "html_url": url,
            "app_id": int(app_id),
            "target_id": 1,
            "target_type": "User",
            "events": [],
            "created_at": _STAMP,
            "permissions": self.installed[repository.owner],
            "updated_at": _STAMP,
            "single_file_name": None,
            "app_slug": "coding-agent",
            "suspended_by": self._shapes.user(owner) if is_suspended else None,
            "suspended_at": _STAMP if is_suspended else None,
        }
        return JSONResponse(shape)

    async def _access_token(self, request: Request, number: int) -> Response:
        try:
            self._signed(request)
            if not 0 < number <= len(self.installed):
                raise Refused(404, "Not Found")
            owner = [*self.installed][number - 1]
            if owner in self.suspended:
                raise Refused(403, "This installation has been suspended")
            granted = self.installed[owner]
            body = await request.json()
            permissions: dict[str, Any] = body.get("permissions") or granted
            repositories = self._repositories(owner, body.get("repositories"))
            ranks = ("read", "write")
            if any(
                ranks.index(right) > ranks.index(granted.get(name, "read")) or name not in granted
                for name, right in permissions.items()
            ):
                raise Refused(
                    422, "The permissions requested are not granted to this installation."
                )
        except Refused as refused:
            return refused.response()
        self._made += 1
        secret = f"ghs_standInApp{self._made:026d}"
        self._world.tokens[secret] = Token(
            "coding-agent[bot]", "write", permissions=permissions, repositories=repositories
        )
        until = datetime.now(UTC) + self.lifetime
        installation_token = {
            "token": secret,
            "expires_at": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "permissions": permissions,
        }
        return JSONResponse(installation_token, 201)

    def _repositories(self, owner: str, names: list[str] | None) -> frozenset[str]:
        """Return the full names that a token is for; all of the owner's unless some are named."""
        owned = {
            r.name.lower(): r.full_name
            for r in self._world.repositories.values()
            if r.owner == owner
        }
        if names is None:
            return frozenset(owned.values())
        if not all(name.lower() in owned for name in names):
            raise Refused(
                422,
                "There is at least one repository that does not exist or is not accessible to the"
                " parent installation.",
            )
        return frozenset(owned[name.lower()] for name in names)

    def _signed(self, request: Request) -> str:
        """Return the id of the App that signed the JSON web token: RS256, at most ten minutes."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            claimed = (
                jwt.decode(token, options={"verify_signature": False}).get("iss")
                if kind == "Bearer"
                else None
            )
            key = self.keys[str(claimed)]
            claims = jwt.decode(
                token, key, algorithms=["RS256"], options={"require": ["iat", "exp", "iss"]}
            )
        except (jwt.PyJWTError, KeyError):
            raise Refused(401, "A JSON web token could not be decoded") from None
        if claims["exp"] - claims["iat"] > 660:
            raise Refused(401, "'Expiration time' claim ('exp') is too far in the future")
        return str(claimed)
