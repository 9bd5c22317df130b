"""Slow clones hold up no other run, and end with the worker."""

import json
import sqlite3

import pytest

from tests.end_to_end.service import FILES, ISSUE, Service, wait_for_death

SLOW_CLONES = 7


@pytest.mark.slow
def test_seven_slow_clones_delay_no_other_job_and_end_with_the_worker(service: Service) -> None:
    service.variables["CODING_AGENT_CONCURRENCY"] = str(SLOW_CLONES + 1)
    service.github.make_fetches_endless("slow")
    for number in range(SLOW_CLONES):
        repository = f"slow/clone-{number}"
        service.github.add_repository(repository, FILES)
        issue = service.github.add_issue(repository, *ISSUE)
        service.submit(issue_url=service.github.issue_url(repository, issue))
    worker = service.start_worker("worker")
    service.wait_for_fetches(SLOW_CLONES)

    service.submit()
    (event,) = [event for event in service.wait_for_finished() if event["type"] == "run.finished"]
    assert event["data"]["outcome"] == "pr_opened"
    assert service.github.waiting_fetches == SLOW_CLONES, "they were no faster"

    worker.terminate()
    assert wait_for_death(worker) == 0
    service.wait_for_fetches(0)
    assert service.aws.depth(service.queue.url) == (SLOW_CLONES, 0), "all visible at once"
    assert unfinished_runs(service) == [(None, 0)] * SLOW_CLONES, "released, and no crash"


def unfinished_runs(service: Service) -> list[tuple[str | None, int]]:
    """Return (lease, number of crashes) of each run that has not ended."""
    with sqlite3.connect(service.folder / "shared/store.sqlite") as store:
        rows = store.execute("SELECT data FROM items WHERE sk LIKE 'run#%'").fetchall()
    store.close()
    runs = []
    for (text,) in rows:
        run = json.loads(text)
        if run["outcome"] is None:
            runs.append((run["lease_token"], run["crashes"]))
    return runs
