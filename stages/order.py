"""The stages, in the order they run."""

import time
from collections.abc import Mapping
from pathlib import Path

from pipeline.github import Forge
from pipeline.model.buyer import Buyer
from pipeline.stage import Pipeline
from pipeline.template_sets import Templates
from repository.git import Mirrors
from sandbox import Sandbox
from stages.apply_patch import ApplyPatch
from stages.build_context import BuildContext
from stages.checkout import CheckoutStage
from stages.fetch_issue import FetchIssue
from stages.open_pr import OpenPullRequest
from stages.prepare_tests import PrepareTests
from stages.propose_patch import Plan, ProposePatch
from stages.run_tests import RunTests

#: The stages' names, for who has no tools to compose them with.
NAMES = tuple(
    stage.name
    for stage in (
        FetchIssue,
        CheckoutStage,
        BuildContext,
        PrepareTests,
        ProposePatch,
        ApplyPatch,
        RunTests,
        OpenPullRequest,
    )
)


def compose(
    *,
    forge: Forge,
    mirrors: Mirrors,
    sandbox: Sandbox,
    pythons: tuple[Path, ...],
    uv: Path,
    cache: Path,
    index: Mapping[str, str],
    fetch_for_private: bool,
    buyer: Buyer,
    plan: Plan,
    templates: Templates,
    protected: tuple[str, ...] = (),
) -> Pipeline:
    """The pipeline. A run can be rejected until its checkout; from then on it is started, and may
    cost money.
    """
    return Pipeline(
        [
            FetchIssue(forge),
            CheckoutStage(mirrors),
            BuildContext(mirrors),
            PrepareTests(
                mirrors,
                sandbox,
                pythons=pythons,
                uv=uv,
                cache=cache,
                index=index,
                fetch_for_private=fetch_for_private,
                clock=time.time,
            ),
            ProposePatch(buyer, templates, mirrors, sandbox, plan=plan, protected=protected),
            ApplyPatch(mirrors, protected=protected),
            RunTests(mirrors, sandbox),
            OpenPullRequest(forge, mirrors, templates),
        ],
        admitted_after=CheckoutStage.name,
    )
