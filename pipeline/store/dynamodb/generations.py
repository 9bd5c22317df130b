"""Which run a submission asks for: the newest, a replay's, a redrive's; made where it is new."""

from pipeline.outcome import Outcome
from pipeline.run_key import redrive_replay_id
from pipeline.store.contract import Submission
from pipeline.store.dynamodb import layout
from pipeline.store.dynamodb.layout import Item, job_pk, open_sk, run_sk, time_key
from pipeline.store.dynamodb.runs import Runs

_NEW = "attribute_not_exists(#pk) OR #expires <= :now"


class Generations:
    """Raises Overtaken where another process makes the same run at the same time."""

    def __init__(self, runs: Runs):
        self._runs = runs

    def wanted(
        self, submission: Submission, owner: str | None = None
    ) -> tuple[Item | None, Item, bool]:
        """The run that a submission asks for, made where it is new, None where an unfinished one is before it; the
        newest run; whether another body is stored for the job."""
        job_id = submission.job_id
        replay = submission.replay_id
        job = self._runs.table.get(job_pk(job_id), "job")
        newest = self._runs.get(job_id, job["newest"]) if job else None
        differs = job is not None and job["digest"] != submission.digest
        if newest is not None:
            redriven = submission.redrive_of
            if redriven is not None:
                failed = (
                    newest.get("outcome") == Outcome.FAILED and newest["generation"] == redriven
                )
                if failed or self._replayed(job_id, redrive_replay_id(redriven)):
                    # A plain redrive of a failed run's message, also a replay's, starts the next
                    # generation, once.
                    replay = redrive_replay_id(redriven)
            if replay is None:
                return newest, newest, differs
            if again := self._replayed(job_id, replay):
                return again, newest, differs
            if newest["state"] != "finished":
                return None, newest, differs
            owner = owner or newest.get("owner")
        made = self._make(submission, replay, owner, newest)
        return made, made, differs

    def _make(
        self, submission: Submission, replay: str | None, owner: str | None, last: Item | None
    ) -> Item:
        now = self._runs.clock()
        job_id = submission.job_id
        pk = job_pk(job_id)
        generation = last["generation"] + 1 if last else 0
        run: Item = {
            "pk": pk,
            "sk": run_sk(generation),
            "version": 1,
            "listed": "run",
            "listed_at": time_key(now, f"{job_id}#{generation:06d}"),
            "job_id": job_id,
            "generation": generation,
            "repository": submission.issue.repository,
            "issue_url": submission.issue.url,
            "body": submission.body,
            "state": "queued",
            "round": 1,
            "tries": 0,
            "deliveries": 0,
            "crashes": 0,
            "owner": owner,
            "seconds": 0.0,
            "cancel_requested": False,
            "created_at": now,
        }
        waits = {name: run[name] for name in ("pk", "listed_at", "generation", "created_at")}
        waits |= {"sk": open_sk(generation), "listed": "open", "expires": self._runs.expires}
        if last is None:
            job = {"pk": pk, "sk": "job", "digest": submission.digest, "newest": generation}
            writes = [layout.put(self._runs.table.name, job, _NEW, now=now)]
        else:
            changes = {"newest": generation, "expires": None}
            was = last["generation"]
            writes = [
                layout.update(
                    self._runs.table.name, (pk, "job"), changes, "#newest = :was", was=was
                )
            ]
        writes.append(layout.put(self._runs.table.name, run, _NEW, now=now))
        writes.append(self._runs.put(waits))
        if replay is not None:
            made = {
                "pk": pk,
                "sk": f"replay#{replay}",
                "generation": generation,
                "expires": self._runs.expires,
            }
            writes.append(layout.put(self._runs.table.name, made, _NEW, now=now))
        writes.append(self._runs.moment(run | {"version": 0}, "registered", owner or ""))
        self._runs.table.transact(writes)
        return {name: value for name, value in run.items() if value is not None}

    def _replayed(self, job_id: str, replay_id: str) -> Item | None:
        made = self._runs.table.get(job_pk(job_id), f"replay#{replay_id}")
        return self._runs.get(job_id, made["generation"]) if made else None
