"""The part of a job's log that says why it failed."""

from pipeline.github.job_logs import MAX_LOG_CHARACTERS, find_failed_step


def test_the_last_failed_step_is_found() -> None:
    log = (
        "##[group]Run make lint\n"
        "##[error]Process completed with exit code 2.\n"
        "##[group]Run make test\n"
        "1 failed\n"
        "##[error]Process completed with exit code 1.\n"
        "##[group]Run upload-artifact\n"
    )
    assert find_failed_step(log) == (
        "##[group]Run make test\n1 failed\n##[error]Process completed with exit code 1."
    )


def test_the_end_of_a_long_step_is_kept() -> None:
    log = "##[group]Run make test\n" + "ok\n" * MAX_LOG_CHARACTERS + "##[error]exit code 1"
    step = find_failed_step(log)
    assert len(step) == MAX_LOG_CHARACTERS
    assert step.endswith("ok\n##[error]exit code 1")


def test_a_log_that_names_no_failed_step_is_kept_from_its_last_step() -> None:
    assert find_failed_step("##[group]Run a\nx\n##[group]Run b\nkilled") == (
        "##[group]Run b\nkilled"
    )
    assert find_failed_step("") == ""
