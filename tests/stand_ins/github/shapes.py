"""GitHub's JSON in the form of its OpenAPI description (a test checks every response).

API URLs point to the stand-in; URLs for people (``html_url``) begin with https://github.com.
"""

from typing import Any

from tests.stand_ins.github.world import Comment, Issue, Pull, Repository, Token

WEB = "https://github.com"
Json = dict[str, Any]

_REPOSITORY_PARTS = {
    "archive": "{archive_format}{/ref}",
    "assignees": "{/user}",
    "blobs": "git/blobs{/sha}",
    "branches": "{/branch}",
    "collaborators": "{/collaborator}",
    "comments": "{/number}",
    "commits": "{/sha}",
    "compare": "{base}...{head}",
    "contents": "{+path}",
    "contributors": "",
    "deployments": "",
    "downloads": "",
    "events": "",
    "forks": "",
    "git_commits": "{/sha}",
    "git_refs": "{/sha}",
    "git_tags": "{/sha}",
    "hooks": "",
    "issue_comment": "{/number}",
    "issue_events": "{/number}",
    "issues": "{/number}",
    "keys": "{/key_id}",
    "labels": "{/name}",
    "languages": "",
    "merges": "",
    "milestones": "{/number}",
    "notifications": "{?since,all,participating}",
    "pulls": "{/number}",
    "releases": "{/id}",
    "stargazers": "",
    "statuses": "{sha}",
    "subscribers": "",
    "subscription": "",
    "tags": "",
    "teams": "",
    "trees": "git/trees{/sha}",
}
_USER_PARTS = (
    "followers",
    "following",
    "gists",
    "starred",
    "subscriptions",
    "organizations",
    "repos",
    "events",
)


class Shapes:
    def __init__(self, origin: str):
        self.origin = origin
        self.api = f"{origin}/api/v3"

    def user(self, login: str) -> Json:
        url = f"{self.api}/users/{login}"
        return {
            "login": login,
            "id": sum(login.encode()),
            "node_id": f"U_{login}",
            "gravatar_id": "",
            "avatar_url": f"{WEB}/{login}.png",
            "url": url,
            "html_url": f"{WEB}/{login}",
            "received_events_url": f"{url}/received_events",
            "type": "Bot" if login.endswith("[bot]") else "User",
            "site_admin": False,
            **{f"{part}_url": f"{url}/{part}" for part in _USER_PARTS},
        }

    def rate_limits(self) -> Json:
        rate = {"limit": 5000, "remaining": 4999, "reset": 4_102_444_800, "used": 1}
        return {"resources": {"core": rate, "search": rate}, "rate": rate}

    def public_user(self, login: str) -> Json:
        unknown = dict.fromkeys(("name", "company", "blog", "location", "email", "hireable", "bio"))
        counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
        return (
            self.user(login)
            | {"user_view_type": "public"}
            | unknown
            | counts
            | dict.fromkeys(("created_at", "updated_at"), "2026-01-05T09:00:00Z")
        )

    def repository(self, repository: Repository, token: Token | None) -> Json:
        url = f"{self.api}/repos/{repository.full_name}"
        web = f"{WEB}/{repository.full_name}"
        # As on GitHub, this is what the person may do: a fine-grained token may be allowed less.
        push = token is not None and token.is_writers(repository)
        ancestry = {}
        if repository.parent:
            ancestry = dict.fromkeys(
                ("parent", "source"), self.repository(repository.parent, token)
            )
        opened = sum(1 for issue in repository.issues.values() if issue.state == "open")
        return {
            "id": repository.id,
            "node_id": f"R_{repository.id}",
            "name": repository.name,
            "full_name": repository.full_name,
            "owner": self.user(repository.owner),
            "private": repository.private,
            "html_url": web,
            "description": None,
            "fork": repository.parent is not None,
            "url": url,
            "allow_forking": repository.allow_forking,
            **{f"{part}_url": f"{url}/{part}{rest}" for part, rest in _REPOSITORY_PARTS.items()},
            "clone_url": f"{self.origin}/{repository.full_name}.git",
            "git_url": f"git://{web[8:]}.git",
            "ssh_url": f"git@github.com:{repository.full_name}.git",
            "svn_url": web,
            "mirror_url": None,
            "homepage": None,
            "language": None,
            "license": None,
            "topics": [],
            "visibility": "private" if repository.private else "public",
            "default_branch": repository.default_branch,
            "archived": repository.archived,
            "disabled": repository.disabled,
            "has_issues": repository.has_issues,
            "has_projects": False,
            "has_wiki": False,
            "has_pages": False,
            "has_discussions": False,
            "has_downloads": True,
            "forks": 0,
            "forks_count": 0,
            "open_issues": opened,
            "open_issues_count": opened,
            "size": repository.size_kb(),
            "stargazers_count": 0,
            "watchers": 0,
            "watchers_count": 0,
            "network_count": 0,
            "subscribers_count": 0,
            "pushed_at": "2026-01-05T09:00:00Z",
            "created_at": "2026-01-05T09:00:00Z",
            "updated_at": "2026-01-05T09:00:00Z",
            "permissions": {
                "admin": False,
                "maintain": False,
                "push": push,
                "triage": push,
                "pull": True,
            },
        } | ancestry

    def label(self, repository: Repository, name: str) -> Json:
        return {
            "id": sum(name.encode()),
            "node_id": f"LA_{name}",
            "name": name,
            "color": "ededed",
            "default": False,
            "url": f"{self.api}/repos/{repository.full_name}/labels/{name}",
            "description": "",
        }

    def issue(self, repository: Repository, issue: Issue) -> Json:
        base = f"{self.api}/repos/{repository.full_name}"
        url = f"{base}/issues/{issue.number}"
        kind = "pull" if issue.is_pull_request else "issues"
        web = f"{WEB}/{repository.full_name}/{kind}/{issue.number}"
        people = [self.user(login) for login in issue.assignees]
        shape = {
            "id": issue.id,
            "node_id": f"I_{issue.id}",
            "number": issue.number,
            "title": issue.title,
            "body": issue.body,
            "user": self.user(issue.author) if issue.author else None,
            "author_association": self.association(repository, issue.author),
            "state": issue.state,
            "state_reason": "completed" if issue.state == "closed" else None,
            "locked": issue.locked,
            "active_lock_reason": None,
            "assignee": people[0] if people else None,
            "assignees": people,
            "labels": [self.label(repository, name) for name in issue.labels],
            "milestone": None,
            "comments": len(issue.comments),
            "created_at": issue.created_at,
            "updated_at": issue.created_at,
            "closed_at": issue.created_at if issue.state == "closed" else None,
            "repository_url": base,
            "url": url,
            "labels_url": f"{url}/labels{{/name}}",
            "comments_url": f"{url}/comments",
            "events_url": f"{url}/events",
            "html_url": web,
        }
        if issue.is_pull_request:
            pull = f"{base}/pulls/{issue.number}"
            shape["pull_request"] = {
                "url": pull,
                "html_url": web,
                "diff_url": f"{web}.diff",
                "patch_url": f"{web}.patch",
                "merged_at": None,
            }
        return shape

    def comment(self, repository: Repository, issue: Issue, comment: Comment) -> Json:
        base = f"{self.api}/repos/{repository.full_name}/issues"
        return {
            "id": comment.id,
            "node_id": f"IC_{comment.id}",
            "url": f"{base}/comments/{comment.id}",
            "html_url": (
                f"{WEB}/{repository.full_name}/issues/{issue.number}#issuecomment-{comment.id}"
            ),
            "issue_url": f"{base}/{issue.number}",
            "user": self.user(comment.author) if comment.author else None,
            "author_association": self.association(repository, comment.author),
            "body": comment.body,
            "created_at": comment.created_at,
            "updated_at": comment.updated_at,
        }

    def pull(self, repository: Repository, pull: Pull, token: Token | None) -> Json:
        """Return a pull request as in a list; ``whole_pull`` adds the fields of a single one."""
        base = f"{self.api}/repos/{repository.full_name}"
        issue = pull.issue
        url = f"{base}/pulls/{pull.number}"
        web = f"{WEB}/{repository.full_name}/pull/{pull.number}"
        if issue.state == "open":
            pull.head_sha = pull.source.sha(pull.head) or pull.head_sha
            if pull.source is not repository:
                repository.fetch_branch(pull.source, pull.head)
            pull.base_sha = repository.sha(pull.base) or pull.base_sha
        links = {
            "self": url,
            "html": web,
            "issue": f"{base}/issues/{pull.number}",
            "commits": f"{url}/commits",
            "comments": f"{base}/issues/{pull.number}/comments",
            "review_comments": f"{url}/comments",
            "review_comment": f"{base}/pulls/comments{{/number}}",
            "statuses": f"{base}/statuses/{pull.head_sha}",
        }
        shared = self.issue(repository, issue)
        shared_names = (
            "number",
            "title",
            "body",
            "user",
            "author_association",
            "state",
            "locked",
            "active_lock_reason",
            "assignee",
            "assignees",
            "labels",
            "milestone",
            "created_at",
            "updated_at",
            "closed_at",
        )
        return {name: shared[name] for name in shared_names} | {
            "id": issue.id,
            "node_id": f"PR_{issue.id}",
            "url": url,
            "html_url": web,
            "diff_url": f"{web}.diff",
            "patch_url": f"{web}.patch",
            "issue_url": links["issue"],
            "commits_url": links["commits"],
            "comments_url": links["comments"],
            "review_comments_url": links["review_comments"],
            "review_comment_url": links["review_comment"],
            "statuses_url": links["statuses"],
            "draft": pull.draft,
            "merged_at": issue.created_at if pull.merged else None,
            "merge_commit_sha": None,
            "auto_merge": None,
            "requested_teams": [],
            "requested_reviewers": [self.user(login) for login in pull.reviewers],
            "head": self._side(pull.source, pull.head, pull.head_sha, token),
            "base": self._side(repository, pull.base, pull.base_sha, token),
            "_links": {name: {"href": link} for name, link in links.items()},
        }

    def whole_pull(self, repository: Repository, pull: Pull, token: Token | None) -> Json:
        return self.pull(repository, pull, token) | {
            "merged": pull.merged,
            "mergeable": None,
            "mergeable_state": "unknown",
            "merged_by": None,
            "rebaseable": None,
            "maintainer_can_modify": False,
            "comments": len(pull.issue.comments),
            "review_comments": len(pull.line_comments),
            "additions": 0,
            "deletions": 0,
            "changed_files": 0,
            "commits": repository.commits_between(pull.base_sha, pull.head_sha),
        }

    def association(self, repository: Repository, login: str | None) -> str:
        if login == repository.owner:
            return "OWNER"
        return "COLLABORATOR" if login in repository.collaborators else "NONE"

    def _side(self, repository: Repository, branch: str, sha: str, token: Token | None) -> Json:
        return {
            "label": f"{repository.owner}:{branch}",
            "ref": branch,
            "sha": sha,
            "user": self.user(repository.owner),
            "repo": self.repository(repository, token),
        }
