"""The rows of the history, one model a table. docs/history.md describes each column in the same
words; a test compares the two.
"""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

_RUN = "the run"


class Record(BaseModel):
    """A row. Its fields are the table's columns, in order."""

    model_config = ConfigDict(frozen=True)


class RunRecord(Record):
    """A run: one generation of a job."""

    run: str = Field(description="`JOB_ID/GENERATION`, which is also the `subject` of its events")
    job_id: str = Field(description="the job")
    generation: int = Field(description="0 for the job's first run, one more for each replay")
    repository: str = Field(description="`owner/name`, in lower case")
    issue_number: int = Field(
        description="number of the issue; if the run answers a review, of the pull request"
    )
    issue_url: str = Field(description="address of that issue or pull request")
    owner: str | None = Field(
        None, description="name of the API key that sent the job; empty if it came from the queue"
    )
    state: str = Field(description="`queued`, `running` or `finished`")
    outcome: str | None = Field(None, description="how it ended; empty until then")
    reason: str | None = Field(
        None, description="why it ended so, or the last error of an unfinished run, in one line"
    )
    verification: str | None = Field(
        None,
        description="`red to green`, `suite passes` or `not verified`; empty if nothing was tested",
    )
    pull_request_number: int | None = Field(
        None, description="number of its pull request; of a rejected run, of the one that it met"
    )
    pull_request_url: str | None = Field(None, description="address of that pull request")
    branch: str | None = Field(None, description="the branch that was pushed")
    base_sha: str | None = Field(None, description="the commit that the change is based on")
    model: str | None = Field(None, description="the model that the run spent most on")
    strategy: str | None = Field(None, description="`agent` or `single`")
    template_set: str | None = Field(None, description="hash of the set of templates, 64 digits")
    rounds: int = Field(description="rounds begun, 0 if no model was asked")
    deliveries: int = Field(description="how often a worker received it")
    crashes: int = Field(description="deliveries whose worker died")
    tries: int = Field(description="failed tries; interruptions and waits are not counted")
    cost_usd: float = Field(
        description="US dollars; calls without an answer count with their reservation"
    )
    seconds: float = Field(description="seconds of work over all deliveries, without waits")
    created_at: str = Field(description="when the job was registered, ISO 8601 in UTC")
    finished_at: str | None = Field(None, description="when it ended, ISO 8601 in UTC")
    trace: str = Field(
        description="`trace` of its events and log lines: its trace id, unless the sender has one"
    )
    type: str = Field(description="type of the job: `fix_issue` or `address_review`")


class CallRecord(Record):
    """A call of a model: one attempt to buy a reply."""

    run: str = Field(description=_RUN)
    call: str = Field(description="names the reply within the run: `ROUND/STAGE/LABEL`")
    attempt: int = Field(description="1 for the first call for the reply")
    model: str = Field(description="the model that was called")
    state: str = Field(
        description=(
            "`settled`: answered; `released`: certainly not charged; `cut`: without an answer, but"
            " perhaps charged; `reserved`: under way"
        )
    )
    cost_usd: float = Field(
        description="US dollars: the price of the reply, else what is reserved for it"
    )
    created_at: str = Field(description="when it was made, ISO 8601 in UTC")


class StageRecord(Record):
    """A stage's result in a round. A stage that sent the run back, or ended it, has none."""

    run: str = Field(description=_RUN)
    round: int = Field(description="the round, from 1")
    stage: str = Field(description="name of the stage")
    seconds: float = Field(description="seconds of work; 0 if a replay took the result over")
    finished_at: str = Field(description="when the result was stored, ISO 8601 in UTC")


class RoundRecord(Record):
    """A round after the first, with what was wrong in the one before."""

    run: str = Field(description=_RUN)
    round: int = Field(description="the round, from 2")
    stage: str = Field(description="the stage that it begins with")
    reason: str = Field(description="why the round before was sent back, as the model reads it")


class TestRecord(Record):
    """What a test showed about the candidate that was chosen in a round."""

    __test__ = False  # not a test class of pytest

    run: str = Field(description=_RUN)
    round: int = Field(description="the round, from 1")
    test: str = Field(description="the test's id, or the file that can't be loaded")
    result: str = Field(
        description=(
            "`fixed`: failed before and passes; `still failing`: before and after; `regressed`:"
            " passed before; `flaky`: differs from run to run; `could not run`: its file can't be"
            " loaded"
        )
    )


class MetadataRecord(Record):
    """A value that the job's sender attached, of a run that has ended."""

    run: str = Field(description=_RUN)
    name: str = Field(description="name of the value")
    value: str = Field(description="the value")


@dataclass(frozen=True)
class Table:
    """A table of the history."""

    name: str
    record: type[Record]
    key: tuple[str, ...]
    """The columns that identify a row."""

    @property
    def columns(self) -> list[str]:
        return list(self.record.model_fields)


RUNS = Table("runs", RunRecord, ("run",))
CALLS = Table("calls", CallRecord, ("run", "call", "attempt"))
STAGES = Table("stages", StageRecord, ("run", "round", "stage"))
ROUNDS = Table("rounds", RoundRecord, ("run", "round"))
TESTS = Table("tests", TestRecord, ("run", "round", "test", "result"))
METADATA = Table("metadata", MetadataRecord, ("run", "name"))
#: The rows of each refer to a row of ``RUNS`` by their column ``run``.
PARTS = (CALLS, STAGES, ROUNDS, TESTS, METADATA)
