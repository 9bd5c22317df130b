"""The output of git against remotes that refuse, as git 2.39 writes it, and what it means."""

import pytest

from pipeline.errors import Family, judge
from repository.git.errors import DiskFull, GitError, GitRefused, GitUnavailable, PushRejected
from repository.git.refusals import local_failure, remote_failure

_UNABLE = "fatal: unable to access 'https://github.com/o/r.git/': "


@pytest.mark.parametrize(
    ("command", "output", "sentence"),
    [
        (
            "push",
            "remote: Write access to repository not granted.\n"
            f"{_UNABLE}The requested URL returned error: 403",
            "may not push",
        ),
        (
            "push",
            "error: RPC failed; HTTP 403 curl 22 The requested URL returned error: 403",
            "403",
        ),
        (
            "push",
            "remote: This repository was archived so it is read-only.\n"
            f"{_UNABLE}The requested URL returned error: 403",
            "GitHub refuses it (403) (GitHub: This repository was archived so it is read-only.)",
        ),
        (
            "push",
            "remote: Permission to o/r.git denied to bot.\n"
            f"{_UNABLE}The requested URL returned error: 403",
            "may not push",
        ),
        ("fetch", f"{_UNABLE}The requested URL returned error: 403", "may not read"),
        ("fetch", "remote: Repository not found.\nfatal: repository 'x' not found", "not exist"),
        ("fetch", f"{_UNABLE}The requested URL returned error: 301", "redirects"),
        ("fetch", f"{_UNABLE}The requested URL returned error: 451", "451"),
        (
            "push",
            "error: RPC failed; HTTP 413 curl 22 The requested URL returned error: 413",
            "413",
        ),
        ("fetch", "fatal: Authentication failed for 'https://github.com/o/r.git/'", "GITHUB_TOKEN"),
        (
            "ls-remote",
            "fatal: could not read Username for 'https://github.com': terminal prompts disabled",
            "GITHUB_TOKEN",
        ),
        ("fetch", "fatal: mismatched algorithms: client sha1; server sha256", "SHA-256"),
        (
            "push",
            "fatal: the receiving end does not support this repository's hash algorithm",
            "SHA-256",
        ),
        ("fetch", "fatal: 'x' does not appear to be a git repository", "no git repository"),
        ("fetch", "fatal: remote error: upload-pack: not our ref 0a1b2c", "force-push"),
        ("fetch", "fatal: transport 'ssh' not allowed", "https"),
        (
            "push",
            "remote: error: insufficient permission for adding an object to repository database",
            "not writable",
        ),
    ],
)
def test_a_refusal_is_one_sentence_with_its_cure(command: str, output: str, sentence: str) -> None:
    error = remote_failure(command, 128, output)
    assert isinstance(error, GitRefused)
    assert sentence in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    "output",
    [
        f"{_UNABLE}The requested URL returned error: 500",
        f"{_UNABLE}The requested URL returned error: 503",
        f"{_UNABLE}The requested URL returned error: 429",
        f"{_UNABLE}The requested URL returned error: 408",
        "remote: You have exceeded a secondary rate limit.\n"
        f"{_UNABLE}The requested URL returned error: 403",
        "fatal: unable to access 'https://github.com/o/r.git/': Could not resolve host: github.com",
        f"{_UNABLE}Failed to connect to github.com port 443: Connection refused",
        "error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502\n"
        "fatal: the remote end hung up unexpectedly",
        "fatal: early EOF",
        "",
    ],
)
def test_what_may_pass_is_no_refusal(output: str) -> None:
    for command in ("fetch", "push", "ls-remote"):
        assert isinstance(remote_failure(command, 128, output), GitUnavailable)


@pytest.mark.parametrize(
    "output",
    [
        "fatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output",
        "remote: error: file write error: Disk quota exceeded\n"
        " ! [remote rejected] x -> x (unpacker error)",
    ],
)
def test_a_full_disk_on_either_side_is_no_refusal_and_no_rejection(output: str) -> None:
    for command in ("fetch", "push"):
        assert isinstance(remote_failure(command, 128, output), DiskFull)


def test_a_local_command_on_a_full_disk_does_not_fail_because_of_its_input() -> None:
    full = local_failure("apply", 128, "error: unable to write file: No space left on device")
    assert isinstance(full, DiskFull) and not isinstance(full, GitError)
    assert isinstance(local_failure("apply", 1, "error: patch does not apply"), GitError)


def test_a_rule_of_the_remote_rejects_the_push_itself() -> None:
    output = " ! [remote rejected] x -> x (protected branch hook declined)"
    assert isinstance(remote_failure("push", 1, output), PushRejected)


@pytest.mark.parametrize(
    "output",
    [
        " ! [remote rejected] x -> x (Internal Server Error)",
        "remote: fatal error in commit_refs\n ! [remote rejected] x -> x (failure)",
        "remote: Internal Server Error\n ! [remote failure] x -> x (it failed to report status)",
    ],
)
def test_an_outage_of_the_remote_during_a_push_is_waited_for(output: str) -> None:
    error = remote_failure("push", 1, output)
    assert isinstance(error, GitUnavailable)
    assert judge(error).family is Family.WAIT


def test_the_words_of_the_remote_are_shortened() -> None:
    output = f"remote: {'x' * 9000}\n{_UNABLE}The requested URL returned error: 403"
    assert len(str(remote_failure("push", 128, output))) < 600
