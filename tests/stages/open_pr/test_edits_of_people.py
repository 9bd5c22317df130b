"""What people write into an open pull request of ours stays when a replay updates it."""

from tests.stages.open_pr.scenario import Scenario
from tests.stand_ins.runs import claim


async def replay_after(scenario: Scenario, *, title: str = "", body: str = "{}") -> tuple[str, str]:
    """Open a pull request, let a person edit it (``{}`` is our text), and replay the job.

    Returns its title and body.
    """
    first = claim(scenario.store)
    await scenario.open(first)
    issue = scenario.pulls[0].issue
    issue.body = body.replace("{}", issue.body or "")
    issue.title = title or issue.title
    scenario.summary = "It was off by 2."
    scenario.proposed_title = "Count from the first item"
    await scenario.open(scenario.deliver_again(first, id="again"), fix="x = 3\n")
    (pull,) = scenario.pulls
    return pull.issue.title, pull.issue.body or ""


async def test_an_unedited_pull_request_gets_the_new_text(scenario: Scenario) -> None:
    title, body = await replay_after(scenario)
    assert title == "Count from the first item"
    assert "off by 2" in body
    assert "off by 1" not in body


async def test_words_around_ours_stay(scenario: Scenario) -> None:
    _, body = await replay_after(scenario, body="Please merge on Monday.\r\n\r\n{}\nNeeds a note.")
    assert body.startswith("Please merge on Monday.\n\n## Summary\n")
    assert body.endswith("\nNeeds a note.\n")
    assert "off by 2" in body
    assert "off by 1" not in body


async def test_an_edit_of_our_own_words_is_left_alone(scenario: Scenario) -> None:
    first = claim(scenario.store)
    await scenario.open(first)
    issue = scenario.pulls[0].issue
    edited = (issue.body or "").replace("off by 1", "off by one, see the manual")
    issue.body = edited
    await scenario.open(scenario.deliver_again(first, id="again"), fix="x = 3\n")
    assert scenario.pulls[0].issue.body == edited


async def test_a_title_that_a_person_chose_stays(scenario: Scenario) -> None:
    title, _ = await replay_after(scenario, title="Count from one")
    assert title == "Count from one"
