"""The strategy ``balanced``: one reproduction test per run and several candidates per round.

``run_tests`` chooses among them as Agentless does (https://arxiv.org/abs/2407.01489): by
regressions, the reproduction test and majority vote.
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
        task: the round's task.
        candidates: the number of changes to ask for.
        temperature: for all candidates but the first, which uses the session's own.
        models: models to ask in turn; if empty, only the session's model.
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
            task.run.progress(f"{halt.reason}: continuing with {count}")
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
    """Return the proposal in a reply, the end of the run, or why another round is needed."""
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
            temperature=own if number == 0 else max(temperature, own or 0.0),
            sample=number,
            reproduction=reproduction,
            reused=chosen.count(model) > 1,
        )
        requests.append(request)
    return requests
