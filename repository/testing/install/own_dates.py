"""The packages whose releases are limited by a date of their own, not by that of the commit."""

import re
from datetime import UTC, datetime

#: Editable installs need setuptools 64 (PEP 660); a version of late 2022 still builds older
#: projects.
_BUILD_TOOLS = ("setuptools", "wheel", "setuptools-scm")
_BUILD_TOOLS_FROM = datetime(2022, 11, 1, tzinfo=UTC)
#: Has what old packages use and setuptools has removed since: Feature (46), 2to3 (58).
_OLDER_BUILD_TOOLS_FROM = datetime(2020, 1, 1, tzinfo=UTC)
#: Packages whose releases were deleted, and the last one uploaded again
#: (https://github.com/untitaker/python-atomicwrites/issues/61). As of an earlier date they don't
#: exist, and uv would silently choose a pytest from before 3.6, which did not require it.
_UPLOADED_AGAIN = ("atomicwrites",)
#: Names of packages in uv's message that were uploaded again after the commit.
_UPLOADED_LATER = re.compile(r"`([A-Za-z0-9._-]+)` was filtered by `exclude-newer`")
#: A dependency in uv's message that could not be built; the repository's own has no version.
_UNBUILT = re.compile(r"Failed to (?:download and )?build `([A-Za-z0-9._-]+==[^`\s]+)`")
_MAX_UNBUILT = 12


class OwnDates:
    """Package -> its own date, in all installations into one environment."""

    def __init__(self, now: datetime):
        self._now = now
        self._later: dict[str, datetime] = {}
        """Packages that uv found to be uploaded after the commit."""
        self._unbuilt: set[str] = set()

    def any_tools(self) -> dict[str, datetime]:
        """Return the dates with build tools as of the commit."""
        return {**dict.fromkeys(_UPLOADED_AGAIN, self._now), **self._later}

    def recent_tools(self, date: datetime) -> dict[str, datetime]:
        """Return the dates with build tools that can make editable installs."""
        tools = dict.fromkeys(_BUILD_TOOLS, max(date, _BUILD_TOOLS_FROM))
        return {**tools, **self.any_tools()}

    def older_tools(self, date: datetime) -> list[dict[str, datetime]]:
        """Return the dates with older build tools, to try in turn: as of the commit, and before."""
        tool_dates = [_OLDER_BUILD_TOOLS_FROM]
        if _OLDER_BUILD_TOOLS_FROM < date < _BUILD_TOOLS_FROM:
            tool_dates.insert(0, date)
        others = self.any_tools()
        return [{**others, **dict.fromkeys(_BUILD_TOOLS, tools)} for tools in tool_dates]

    def unbuilt(self, output: str) -> list[str]:
        """Return the dependencies, with their versions, that uv could not build; each only once.

        A build can print any number of such lines itself: only the first ones count.
        """
        found: list[str] = []
        for requirement in dict.fromkeys(_UNBUILT.findall(output)):
            if requirement not in self._unbuilt and len(self._unbuilt) < _MAX_UNBUILT:
                self._unbuilt.add(requirement)
                found.append(requirement)
        return found

    def admit_later_uploads(self, output: str, date: datetime) -> bool:
        """Allow packages that were uploaded again after the date, by uv's message.

        Of a build tool, the oldest possible version is tried first: today's may fail with code for
        an older one.

        Returns:
            Whether any package was allowed.
        """
        packages = set(_UPLOADED_LATER.findall(output))
        admitted = {name for name in packages if self._later.get(name) == self._now}
        for name in packages - admitted:
            if name in _BUILD_TOOLS and name not in self._later:
                self._later[name] = max(date, _BUILD_TOOLS_FROM)
            else:
                self._later[name] = self._now
        return packages != admitted
