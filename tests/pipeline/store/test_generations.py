"""The run that a submission refers to, and the start of a job's next generation."""

import json
from dataclasses import replace

from pipeline.job import FixIssueJob, InvalidJob, parse_job
from pipeline.outcome import Event, Outcome
from pipeline.run_key import RunKey, redrive_replay_id
from pipeline.store import rows
from pipeline.store.contract import (
    Busy,
    Checkpoint,
    Claim,
    Claimed,
    ClaimedInvalid,
    Finished,
    Round,
    Submission,
)
from pipeline.store.store import RunStore
from tests.pipeline.store.submissions import checkpoint, register, replay_fields, submit
from tests.stand_ins.runs import (
    LEASE,
    START,
    Clock,
    claim,
    finish,
    job,
)

SENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def replay_job(replay_id: str) -> FixIssueJob:
    return job(replay={"id": replay_id})


def claim_redrive(store: RunStore, generation: int, submitted: FixIssueJob | None = None) -> Claim:
    """Claim as the plain redrive of a failed generation's message does."""
    submission = Submission.of(submitted or job(), redrive_of=generation)
    return store.claim(submission, lease_seconds=LEASE)


def invalid_submission(**fields: object) -> Submission:
    body = json.dumps({"issue_url": job().issue_url, "urgent": True} | fields)
    try:
        parse_job(body)
    except InvalidJob as error:
        return Submission(error, body)
    raise AssertionError("the job is valid")


def reject(store: RunStore, submission: Submission) -> Event:
    """Claim a submission's run and end it as rejected."""
    claimed = store.claim(submission, lease_seconds=LEASE)
    assert isinstance(claimed, Claimed | ClaimedInvalid)
    return finish(store, claimed, Outcome.REJECTED)


def test_a_rejected_job_from_another_place_in_a_trace_refers_to_its_run(store: RunStore):
    reject(store, Submission.of(job(metadata={"traceparent": SENT})))
    again = Submission.of(job(metadata={"traceparent": SENT.replace("4bf9", "aaaa")}))
    claimed = store.claim(again, lease_seconds=LEASE)
    assert isinstance(claimed, Finished)
    assert (claimed.run.generation, claimed.run.traceparent) == (0, SENT)


def test_a_repeated_submission_makes_one_run(store: RunStore):
    submission = Submission.of(job())
    for _ in range(3):
        store.register(submission)
        store.claim(submission, lease_seconds=LEASE)
    assert len(store.runs()) == 1


def test_jobs_have_generations_of_their_own(store: RunStore):
    finish(store, claim(store, job(1)))
    other = claim(store, job(2, replay={"id": "again"}))
    replayed = claim(store, job(1, replay={"id": "again"}))
    assert other.run.generation == 0
    assert replayed.run.generation == 1


def test_a_claim_carries_the_job_as_stored(store: RunStore):
    first = claim(store, job(metadata={"n": "1"}))
    store.release(first.lease)
    second = claim(store, job(metadata={"n": "2"}))
    assert first.job == second.job == job(metadata={"n": "1"})
    assert second.body_differs


def test_a_replay_carries_its_own_job(store: RunStore):
    finish(store, claim(store, job(metadata={"n": "1"})))
    replayed = claim(store, job(metadata={"n": "2"}, replay={"id": "again"}))
    assert replayed.job.metadata == {"n": "2"}
    assert not replayed.body_differs
    store.release(replayed.lease)
    assert claim(store, job(metadata={"n": "3"}, replay={"id": "again"})).body_differs


def test_every_generation_belongs_to_the_owner_of_the_job(store: RunStore):
    register(store, owner="sevalla")
    finish(store, claim(store))
    assert register(store, replay_job("again"), owner="operator").owner == "sevalla"
    finish(store, claim(store, replay_job("again")), Outcome.REJECTED)
    assert claim(store, replay_job("once more")).run.owner == "sevalla"


def test_a_waiting_replay_learns_when_the_earlier_lease_ends(store: RunStore, clock: Clock):
    running = claim(store)
    waiting = Submission.of(replay_job("again"))
    assert store.claim(waiting, lease_seconds=LEASE) == Busy(START + LEASE)
    store.release(running.lease)
    assert store.claim(waiting, lease_seconds=LEASE) == Busy(START + 1.0)


def test_a_replay_leaves_the_results_of_the_generation_before_it(store: RunStore):
    first = claim(store)
    checkpoint = Checkpoint(1, "fetch", "{}", False, 1.0, START)
    store.save_checkpoint(first.lease, checkpoint)
    finish(store, first)
    claim(store, replay_job("again"))
    assert store.checkpoints(RunKey(job().id, 0)) == [checkpoint]
    earlier = store.run(job().id, 0)
    assert earlier is not None
    assert earlier.outcome == "no_fix"


def test_a_redrive_of_an_unknown_job_is_its_first_generation(store: RunStore):
    claimed = claim_redrive(store, 3)
    assert isinstance(claimed, Claimed)
    assert claimed.run.generation == 0


def test_a_redrive_of_a_run_in_progress_starts_nothing(store: RunStore):
    claim(store)
    assert claim_redrive(store, 0) == Busy(START + LEASE)
    assert len(store.runs()) == 1


def test_a_redrive_of_a_replayed_generation_means_the_newest(store: RunStore):
    finish(store, claim(store), Outcome.FAILED)
    finish(store, claim(store, replay_job("again")), Outcome.PR_OPENED)
    answer = claim_redrive(store, 0)
    assert isinstance(answer, Finished)
    assert (answer.run.generation, answer.run.outcome) == (1, "pr_opened")


def test_a_redrive_keeps_the_owner(store: RunStore):
    register(store, owner="sevalla")
    finish(store, claim(store), Outcome.FAILED)
    redriven = claim_redrive(store, 0)
    assert isinstance(redriven, Claimed)
    assert redriven.run.owner == "sevalla"


def test_a_redrive_and_a_replay_under_its_id_make_one_generation(store: RunStore):
    finish(store, claim(store), Outcome.FAILED)
    redriven = claim_redrive(store, 0)
    assert isinstance(redriven, Claimed)
    finish(store, redriven)
    answer = store.claim(Submission.of(replay_job(redrive_replay_id(0))), lease_seconds=LEASE)
    assert isinstance(answer, Finished)
    assert answer.run.generation == redriven.run.generation == 1


def test_a_redrive_still_means_its_own_generation_after_later_replays(store: RunStore):
    finish(store, claim(store), Outcome.FAILED)
    redriven = claim_redrive(store, 0)
    assert isinstance(redriven, Claimed)
    finish(store, redriven)
    finish(store, claim(store, replay_job("again")))
    answer = claim_redrive(store, 0)
    assert isinstance(answer, Finished)
    assert answer.run.generation == 1


def test_an_invalid_job_is_claimed_as_invalid(store: RunStore):
    submission = invalid_submission(metadata={"team": "a"})
    claimed = store.claim(submission, lease_seconds=LEASE)
    assert isinstance(claimed, ClaimedInvalid)
    assert claimed.run.body == submission.body
    assert claimed.error.metadata == {"team": "a"}
    assert (claimed.run.state, claimed.run.job_id) == ("running", job().id)


def test_a_rejected_job_gives_way_to_a_new_body(store: RunStore):
    event = reject(store, invalid_submission())
    corrected = claim(store)
    assert (corrected.run.generation, corrected.job) == (1, job())
    assert not corrected.body_differs
    again = store.claim(invalid_submission(), lease_seconds=LEASE)
    assert isinstance(again, Finished)
    assert (again.run.generation, again.run.event) == (0, event.model_dump_json())
    finish(store, corrected)
    newest = submit(store)
    assert isinstance(newest, Finished)
    assert newest.run.generation == 1


def test_a_rejected_body_that_is_delivered_again_starts_nothing(store: RunStore):
    for number in range(3):
        reject(store, Submission.of(job(metadata={"n": str(number)})))
    for number in (2, 0, 1, 0):
        answer = submit(store, metadata={"n": str(number)})
        assert isinstance(answer, Finished)
        assert answer.run.generation == number
    assert len(store.runs()) == 3


def test_a_job_that_ended_otherwise_or_is_under_way_does_not_give_way(store: RunStore):
    reject(store, Submission.of(job(metadata={"n": "0"})))
    running = claim(store)
    assert store.register(Submission.of(job(metadata={"n": "1"}))).body_differs
    finish(store, running, Outcome.NO_FIX)
    registration = store.register(Submission.of(job(metadata={"n": "1"})))
    assert registration.body_differs
    assert len(store.runs()) == 2


def test_a_rejected_replay_does_not_replace_the_body_that_ran(store: RunStore):
    finish(store, claim(store), Outcome.PR_OPENED)
    reject(store, Submission.of(job(options={"model": "gpt-9"}, replay={"id": "r"})))
    assert store.find(Submission.of(job(metadata={"n": "1"}))).body_differs
    assert not store.find(Submission.of(job())).body_differs


def test_the_body_of_a_replay_stands_if_the_one_before_it_was_rejected(store: RunStore):
    reject(store, Submission.of(job(options={"model": "gpt-9"})))
    finish(store, claim(store, replay_job("corrected")), Outcome.PR_OPENED)
    assert store.find(Submission.of(job())) == store.find(Submission.of(replay_job("corrected")))
    assert store.find(Submission.of(job(metadata={"n": "1"}))).body_differs


def test_a_rejected_job_that_is_requested_later_runs_again(store: RunStore):
    times = [f"2026-11-30T{hour:02}:00:00Z" for hour in (9, 10, 11)]
    reject(store, Submission.of(job(requested_at=times[0])))
    reject(store, Submission.of(job(requested_at=times[1])))
    again = submit(store, requested_at=times[0])
    assert isinstance(again, Finished)
    assert again.run.generation == 0
    finish(store, claim(store, job(requested_at=times[2])), Outcome.PR_OPENED)
    for time, generation in ((times[0], 0), (times[1], 1), (times[2], 2), (None, 2)):
        answer = submit(store, requested_at=time)
        assert isinstance(answer, Finished)
        assert answer.run.generation == generation
    assert not store.find(Submission.of(job(requested_at=times[0]))).body_differs


def test_a_store_of_an_older_version_gives_way_too(store: RunStore):
    reject(store, invalid_submission())
    table = store._table
    stored = table.get(rows.job_key(job().id))
    assert stored is not None
    older = {name: value for name, value in stored.data.items() if name != "standing"}
    table.transact(lambda items: items.put(replace(stored, data=older)))
    assert claim(store).run.generation == 1


def test_a_valid_body_does_not_replace_an_invalid_one(store: RunStore):
    claimed = store.claim(invalid_submission(), lease_seconds=LEASE)
    assert isinstance(claimed, ClaimedInvalid)
    store.release(claimed.lease)
    assert isinstance(store.claim(Submission.of(job()), lease_seconds=LEASE), ClaimedInvalid)


def test_an_invalid_body_does_not_replace_a_valid_one(store: RunStore):
    store.release(claim(store).lease)
    claimed = store.claim(invalid_submission(), lease_seconds=LEASE)
    assert isinstance(claimed, Claimed)
    assert claimed.body_differs
    assert claimed.job == job()


def test_a_replay_of_a_rejected_job_runs_with_its_own_body(store: RunStore):
    reject(store, invalid_submission())
    replayed = claim(store, replay_job("corrected"))
    assert (replayed.run.generation, replayed.job) == (1, replay_job("corrected"))


def test_a_submission_of_a_finished_replay_is_answered_with_its_event(store: RunStore):
    finish(store, claim(store))
    event = finish(store, claim(store, replay_job("again")))
    answer = store.claim(Submission.of(replay_job("again")), lease_seconds=LEASE)
    assert isinstance(answer, Finished)
    assert answer.run.event == event.model_dump_json()


def test_a_redrive_of_an_older_failure_does_not_restart_a_newer_one(store: RunStore):
    finish(store, claim(store), Outcome.FAILED)
    redriven = claim_redrive(store, 0)
    assert isinstance(redriven, Claimed)
    finish(store, redriven, Outcome.FAILED)
    submission = replace(Submission.of(job()), redrive_of=0)
    answer = store.claim(submission, lease_seconds=LEASE)
    assert isinstance(answer, Finished)
    assert len(store.runs()) == 2


def test_one_replay_id_makes_one_generation(store: RunStore):
    finish(store, claim(store))
    second = claim(store, job(**replay_fields("again")))
    assert second.run.generation == 1
    assert not second.body_differs
    assert isinstance(submit(store, **replay_fields("again")), Busy)
    finish(store, second)
    answer = submit(store, **replay_fields("again"))
    assert isinstance(answer, Finished)
    assert answer.run.generation == 1
    assert claim(store, job(**replay_fields("once more"))).run.generation == 2


def test_an_old_replay_id_means_its_own_generation(store: RunStore):
    finish(store, claim(store))
    finish(store, claim(store, job(**replay_fields("one"))))
    finish(store, claim(store, job(**replay_fields("two"))))
    answer = submit(store, **replay_fields("one"))
    assert isinstance(answer, Finished)
    assert answer.run.generation == 1
    newest = submit(store)
    assert isinstance(newest, Finished)
    assert newest.run.generation == 2


def test_a_replay_of_an_unknown_job_is_its_first_generation(store: RunStore):
    assert claim(store, job(**replay_fields("r"))).run.generation == 0
    assert isinstance(submit(store), Busy)


def test_a_replay_waits_for_the_run_before_it(store: RunStore, clock: Clock):
    first = claim(store)
    assert submit(store, **replay_fields("again")) == Busy(START + LEASE)
    store.release(first.lease)
    assert isinstance(submit(store, **replay_fields("again")), Busy)
    finish(store, claim(store))
    assert claim(store, job(**replay_fields("again"))).run.generation == 1


def test_a_generation_starts_empty_but_the_effects_are_kept(store: RunStore):
    first = claim(store)
    store.save_checkpoint(first.lease, checkpoint())
    store.open_round(first.lease, Round(2, "fetch", "red"), 1.0)
    store.intend(first.lease, "push", {"sha": "a"})
    store.count_try(first.lease, "boom", 1.0)
    finish(store, first)
    second = claim(store, job(metadata={"n": "2"}, **replay_fields("again")))
    run = second.run
    assert (run.round, run.tries, run.deliveries, run.seconds, run.last_error) == (
        1,
        0,
        1,
        0.0,
        None,
    )
    assert '"n":"2"' in run.body
    assert store.checkpoints(RunKey(job().id, 1)) == store.rounds(RunKey(job().id, 1)) == []
    assert store.intend(second.lease, "push", {"sha": "b"}) == {"sha": "b"}
    assert [(e.generation, e.intention) for e in store.effects(job().id)] == [
        (0, {"sha": "a"}),
        (1, {"sha": "b"}),
    ]


def test_a_redrive_of_a_failed_run_starts_the_next_generation_once(store: RunStore):
    finish(store, claim(store), Outcome.FAILED)
    redriven = claim(store, redrive_of=0)
    assert redriven.run.generation == 1
    assert isinstance(submit(store, redrive_of=0), Busy)
    finish(store, redriven, Outcome.FAILED)
    twice = submit(store, redrive_of=0)
    assert isinstance(twice, Finished)
    assert twice.run.generation == 1
    assert claim(store, redrive_of=1).run.generation == 2


def test_a_redrive_of_a_failed_replay_starts_the_next_generation_too(store: RunStore):
    finish(store, claim(store))
    finish(store, claim(store, job(**replay_fields("r"))), Outcome.FAILED)
    replayed = claim(store, job(**replay_fields("r")), redrive_of=1)
    assert replayed.run.generation == 2
    assert isinstance(submit(store, redrive_of=1, **replay_fields("r")), Busy)


def test_a_redrive_of_a_run_that_did_not_fail_is_answered_with_its_end(store: RunStore):
    finish(store, claim(store), Outcome.NO_FIX)
    answer = submit(store, redrive_of=0)
    assert isinstance(answer, Finished)
    assert answer.run.generation == 0
