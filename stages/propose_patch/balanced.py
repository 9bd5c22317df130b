"""The strategy ``balanced``: a reproduction test once a run, then several candidates a round, of
which ``run_tests`` chooses.

After Agentless (https://arxiv.org/abs/2407.01489): regressions, the reproduction test, the
majority.
"""

from collections.abc import Sequence

from pipeline.errors import Halt
from pipeline.stage import Back, Stop
from stages.propose_patch.model_session import Exchange
from stages.propose_patch.replies import read_needs_info, unusable_reason
from stages.propose_patch.reproduction import reproduce
from stages.propose_patch.results import Proposal, Proposals, Reproduction
from stages.propose_patch.task import (
    RECOVERABLE,
    ChangeRequest,
    Task,
    another_round,
    ask_for_change,
)


async def propose(
    task: Task, candidates: int, temperature: float, models: Sequence[str]
) -> Proposals | Back | Stop:
    """Propose up to ``candidates`` changes.

    Args:
        task: what is asked for.
        candidates: how many changes are asked for.
        temperature: of all candidates but the first, which is made at the session's own.
        models: asked in turn; empty: the session's model alone.
    """
    outcome = await reproduce(task)
    if outcome.stop is not None:
        return outcome.stop
    proposals: list[Proposal] = []
    if outcome.proposal is not None and task.run.round == 1:
        proposals.append(outcome.proposal)
    answers: list[Stop | Back] = []
    for request in _requests(task, candidates, temperature, models, outcome.test):
        try:
            exchange = await ask_for_change(task, request)
        except Halt as halt:
            if halt.outcome not in RECOVERABLE or not proposals:
                raise
            count = f"{len(proposals)} of {candidates} candidates"
            task.run.progress(f"{halt.reason}: going on with {count}")
            break
        answer = _read(exchange)
        if isinstance(answer, Proposal):
            proposals.append(answer)
        else:
            answers.append(answer)
    if proposals:
        return task.proposals(proposals, reproduction=outcome.test)
    return _first_stop(answers) or answers[0]


def _read(exchange: Exchange) -> Proposal | Stop | Back:
    """Return the proposal in a reply; else the run's end, or why another round is needed."""
    because = unusable_reason(exchange.reply)
    if because is not None:
        return another_round(because)
    stop = read_needs_info(exchange.reply.content, exchange.key)
    if stop is not None:
        return stop
    return exchange.proposal()


def _first_stop(answers: Sequence[Stop | Back]) -> Stop | None:
    for answer in answers:
        if isinstance(answer, Stop):
            return answer
    return None


def _requests(
    task: Task,
    candidates: int,
    temperature: float,
    models: Sequence[str],
    reproduction: Reproduction | None,
) -> list[ChangeRequest]:
    own = task.session.temperature
    chosen: list[str | None] = []
    for number in range(candidates):
        chosen.append(models[number % len(models)] if models else None)
    requests: list[ChangeRequest] = []
    for number, model in enumerate(chosen):
        request = ChangeRequest(
            label=f"candidate-{number}",
            model=model,
            temperature=own if number == 0 else max(temperature, own),
            sample=number,
            reproduction=reproduction,
            reused=chosen.count(model) > 1,
        )
        requests.append(request)
    return requests
