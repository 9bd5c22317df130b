"""The harness's messages to the model.

They begin with "Harness:" and are never inside the fences that hold the output of programs.
Names from the repository are inline code, so that they can't begin a line.
"""

from collections.abc import Mapping, Sequence

from prompts.filters import clip, clip_framed, code, one_line

#: Characters of the feedback that opens a round.
MAX_FEEDBACK = 16_000
#: Characters of one observation.
MAX_OBSERVATION = 30_000
MAX_LISTED = 20

TALK = (
    "Your reply has no tool call, so nothing was done. If the change is complete, call `submit`;"
    " otherwise continue with the next call."
)
EMPTY = (
    "Your reply was empty. Continue with the next call, or call `submit` if the change is complete."
)
REFUSED = (
    "Your reply was a refusal, or the provider's content filter stopped it, so nothing of it was"
    " carried out. The task is to fix the issue above: continue with the next call."
)
EDITS_BESIDE_CALLS = (
    "The edits in the text of your reply were not applied, because the reply also has calls. Send"
    " them again with `edit`, or in a reply without calls."
)
REPEATING = (
    "You are repeating yourself: the same calls give the same results. Do something else, or call"
    " `submit` if the change is complete."
)
ROUND_OVER = "Not executed: the work ended with an earlier call of the same reply."
NOT_FINAL = (
    "Not done: another call of the same reply failed. Look at its result, then call {tool} again."
)
TESTS_TAKE_TOO_LONG = (
    "The tests that decide whether the change is accepted were not run for this review: they would"
    " take longer than the remaining time."
)
NOT_A_REVIEW = "There is no review comment to reply to in this task."
ONLY_A_REVIEW = (
    "This task is a review: answer each comment with `reply`, then call `submit`, with or without"
    " changes."
)
SAME_AS_BEFORE = (
    "The files are the same as in the pull request, so nothing will be pushed: only your replies"
    " are posted. If that is right, call `submit` again."
)
REPLIED = "Noted; it is posted once the work ends."
NO_TEST = (
    "The change has no test. Unless that is impossible, add or extend one, next to the existing"
    " ones, that fails without the change and passes with it."
)
TEST_PROVES_NOTHING = (
    "None of the tests in the change fails without the rest of it, so they do not show that it"
    " fixes anything. Unless that is impossible, write one that fails on the unchanged code."
)
STARTED_OVER = (
    "These edits do not match the files as you had changed them, but they match the unchanged"
    " repository. Your earlier change was undone, and they were applied to the unchanged files."
)
APPLIED_ALREADY = (
    "These edits are the same as in your previous reply and are applied already; they were not"
    " applied again. Verify the change, then call `submit`."
)
APPLIED = "Nothing is submitted yet: verify the change, then call `submit`."
DESCRIPTION = "Give `title` and `summary` with that call:"
SUMMARY_NEEDS_CONVERSATION = (
    "The summary speaks of the work on the change (an earlier try, a request), which its readers"
    " have not seen: describe only the problem and the change."
)
CHECKLIST = """\
Before you call `submit` again, check:
- Does the change fix the cause, and every other place with the same fault?
- Did you run the reproduction and the tests near the change after your last edit?
- Is there a test that fails without the change and passes with it?
- Is everything in the diff needed? Delete scratch files and debugging output.
- Do the title and the summary describe the whole change to somebody who has not seen this \
conversation?

If all is well, call `submit` again: without further changes, that call is final."""


def say(text: str) -> str:
    """Prefix a text with the name of its speaker."""
    return f"Harness: {text}"


def tests_cannot_run(reason: str) -> str:
    """``reason`` may quote the output of a program."""
    return f"No test was run: {code(reason)}. Commands can be run with `bash`."


def reminder(used: str) -> str:
    return (
        f"{used} are used up. Finish the change, run the tests that matter, and call `submit`: when"
        " the limit is reached, the change is submitted as it is."
    )


def next_round(feedback: str) -> str:
    """Return the message that opens a later round; ``feedback`` has its data framed."""
    return (
        "Your change was not accepted. The conversation and the workspace continue as you left"
        f" them. Why the previous attempt failed:\n\n{clip_framed(feedback, MAX_FEEDBACK)}\n\nFix"
        " it, and call `submit` again."
    )


def ask_again(tool: str, paths: Sequence[str]) -> str:
    """Return the answer to the first call that would end the work without the change."""
    return (
        f"There are changes in the workspace ({listing(paths)}). If they are a useful fix, call"
        f" `submit`. If they are not, call `{tool}` again to end without them."
    )


def unknown_comment(name: str, known: Sequence[str]) -> str:
    return f"There is no comment {code(clip(name, 40))}. The comments are: {listing(known)}."


def without_reply(names: Sequence[str]) -> str:
    return (
        f"These comments have no reply yet: {listing(names)}. Answer each with `reply` before the"
        " final `submit`."
    )


def needs_proof(why: str) -> str:
    return (
        "`no_change_needed` needs proof: tests that can be run, and a new test file that passes on"
        f" the unchanged repository, as the only change in the workspace. {why}".rstrip()
    )


def lost_state(sentences: Sequence[str]) -> str:
    return "The work was moved to another machine. " + " ".join(sentences)


def left_out(reasons: Mapping[str, str]) -> str:
    lines: list[str] = []
    for path, reason in sorted(reasons.items())[:MAX_LISTED]:
        lines.append(f"- {code(clip(path, 300))}: {one_line(reason)}")
    if len(reasons) > MAX_LISTED:
        lines.append(f"- and {len(reasons) - MAX_LISTED} more")
    return "These files are not part of the change:\n" + "\n".join(lines)


def unused_files(unused: Sequence[str], scratch: Sequence[str]) -> str:
    """Ask about new files that nothing refers to."""
    text = (
        f"Nothing uses these new files: {listing(unused)}. Delete them if they were only for your"
        " own work."
    )
    if scratch:
        text += (
            f" These are left out of the change unless the summary names them: {listing(scratch)}."
        )
    return text


def listing(names: Sequence[str]) -> str:
    shown = ", ".join(code(clip(name, 300)) for name in names[:MAX_LISTED])
    more = len(names) - MAX_LISTED
    return f"{shown} and {more} more" if more > 0 else shown
