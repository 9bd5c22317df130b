"""Finding a run by what people call it: an id, an issue, a pull request, an address."""

from collections.abc import Sequence

from starlette.responses import RedirectResponse, Response

from console.runs.finding import AmbiguousName, NoSuchRun, find_run
from console.runs.references import UnreadableReference
from console.web.views.run_lines import linked_lines, run_address
from console.web.visits import Visit
from pipeline.store.contract import RunRow


def show(visit: Visit) -> Response:
    """Go to the run that is meant, or show those that may be meant."""
    text = visit.parameter("q")
    problem = ""
    matches: Sequence[RunRow] = ()
    try:
        matches = (find_run(visit.services.store, text),)
    except AmbiguousName as error:
        problem = str(error)
        matches = error.matches
    except (NoSuchRun, UnreadableReference) as error:
        problem = str(error)
    visible = [run for run in matches if visit.caller.may_see(run)]
    if len(visible) == 1:
        return RedirectResponse(run_address(visible[0]), 303)
    if not visible:
        # Somebody else's run is no different from none.
        problem = problem if visit.is_operator else "none of your jobs has this name"
    return visit.page("search", text=text, problem=problem, lines=linked_lines(visible))
