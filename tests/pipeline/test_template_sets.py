import json
import logging
from pathlib import Path

import pytest

from pipeline.artifacts import Artifacts
from pipeline.artifacts.folder import FolderArtifacts
from pipeline.artifacts.s3 import S3Artifacts
from pipeline.run_key import RunKey
from pipeline.stage import RunContext
from pipeline.template_sets import CURRENT, TemplateSets
from prompts import bounded
from prompts.rendering import RenderError
from prompts.template_set import TemplateError, TemplateSet
from tests.pipeline.artifacts.conftest import make_bucket, s3_client
from tests.stand_ins.runs import Bench, Prepared, Proposed, StageRun, job

SHIPPED = TemplateSet.load()


def edited(words: str) -> TemplateSet:
    return TemplateSet(
        SHIPPED.files | {"edit_format.md.j2": SHIPPED.files["edit_format.md.j2"] + words}
    )


BROKEN = TemplateSet(SHIPPED.files | {"propose.md.j2": "no front matter"})


class Place:
    """A store of template sets, and the views that workers have of it."""

    def __init__(self, pinned: Artifacts, published: Artifacts):
        self.pinned = pinned
        self.published = published

    def worker(self, **more: TemplateSet) -> TemplateSets:
        return TemplateSets(self.pinned, self.published, **more)


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        return Place(FolderArtifacts(tmp_path / "pinned"), FolderArtifacts(tmp_path / "published"))
    bucket = make_bucket(tmp_path)
    return Place(
        *(
            S3Artifacts(bucket, prefix, client=s3_client())
            for prefix in ("artifacts/template-sets", "templates")
        )
    )


def test_the_shipped_set_is_current_until_another_is_used(
    place: Place,
) -> None:
    worker = place.worker()
    engineer = place.worker()
    assert worker.current().set_hash == SHIPPED.set_hash
    engineer.use(engineer.publish(edited("Be brief.")))
    assert worker.current().set_hash == edited("Be brief.").set_hash
    assert "Be brief." in worker.current().render("edit_format")


async def test_a_run_keeps_the_set_that_it_began_with(place: Place, tmp_path: Path) -> None:
    first = place.worker()
    run = StageRun(tmp_path)
    assert (await first.of(run.context())).set_hash == SHIPPED.set_hash
    newer = first.publish(edited("Be brief."))
    first.use(newer)
    assert (await place.worker().of(run.context())).set_hash == SHIPPED.set_hash
    assert (await place.worker().of(StageRun(tmp_path).context())).set_hash == newer


async def test_a_run_keeps_a_set_that_is_no_longer_published(place: Place, tmp_path: Path) -> None:
    run = StageRun(tmp_path)
    began = await place.worker(default=edited("an older release's")).of(run.context())
    resumed = await place.worker().of(run.context())
    assert resumed.set_hash == began.set_hash != SHIPPED.set_hash


async def test_a_replay_has_the_published_set_that_it_names(place: Place, tmp_path: Path) -> None:
    worker = place.worker()
    requested = worker.publish(edited("Be brief."))
    assert worker.refusal(requested) is None
    run = StageRun(tmp_path, job(replay={"id": "r", "template_set": requested}))
    template_set = await worker.of(run.context())
    assert template_set.set_hash == requested and worker.current().set_hash == SHIPPED.set_hash


def test_a_set_is_named_by_the_beginning_of_its_hash(place: Place) -> None:
    worker = place.worker()
    published = worker.publish(edited("Be brief."))
    assert worker.get(SHIPPED.set_hash[:12]) is worker.get(SHIPPED.set_hash)
    assert worker.get(published[:8]).set_hash == published
    assert worker.use(published[:8]) == published
    assert place.worker().current().set_hash == published


def test_the_beginning_of_several_hashes_names_no_set(place: Place) -> None:
    for ending in ("1", "2"):
        place.published.put(f"{'a' * 63}{ending}.json", b"{}")
    refusal = place.worker().refusal("aaaa")
    assert refusal is not None
    assert f"several sets begin so: {'a' * 63}1, {'a' * 63}2" in refusal


def test_a_missing_or_forged_set_is_refused(place: Place) -> None:
    worker = place.worker()
    assert "no such set is published" in (worker.refusal("0" * 64) or "")
    place.published.put(f"{'1' * 64}.json", json.dumps(edited("forged").files).encode())
    assert "its files have another hash" in (worker.refusal("1" * 64) or "")


def test_a_set_with_findings_is_never_made_current(place: Place) -> None:
    worker = place.worker()
    with pytest.raises(TemplateError, match="no front matter"):
        worker.use(worker.publish(BROKEN))
    assert worker.current().set_hash == SHIPPED.set_hash


@pytest.mark.parametrize(
    "current", [f"{BROKEN.set_hash}\n", f"{'0' * 64}\n", "../../etc/passwd\n", "\xff"]
)
def test_a_bad_set_leaves_the_last_good_one_with_an_alarm(
    place: Place, caplog: pytest.LogCaptureFixture, current: str
) -> None:
    worker = place.worker()
    worker.publish(BROKEN)
    good = worker.publish(edited("Be brief."))
    worker.use(good)
    assert worker.current().set_hash == good
    place.published.put(CURRENT, current.encode("latin-1"))
    with caplog.at_level(logging.INFO):
        assert worker.current().set_hash == good
    assert f"using set {good[:12]}" in caplog.text
    (metric,) = [record.fields for record in caplog.records if hasattr(record, "fields")]
    assert metric["template_sets_refused"] == 1
    assert place.worker().current().set_hash == SHIPPED.set_hash, (
        "a new worker has no other than the shipped one"
    )


def test_a_new_worker_takes_the_set_before_the_bad_one(place: Place) -> None:
    worker = place.worker()
    good = worker.publish(edited("Be brief."))
    worker.use(good)
    place.published.put(CURRENT, f"{worker.publish(BROKEN)}\n{good}\n".encode())
    assert place.worker().current().set_hash == good


async def test_a_remembered_choice_applies_to_the_run_but_not_to_its_replay(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path)
    choices = iter(["first", "second"])

    async def choose() -> str:
        return next(choices)

    async def prepare(run: RunContext) -> Prepared:
        return Prepared(note=await run.remember("set", choose))

    async def die(run: RunContext) -> Proposed:
        raise TimeoutError

    bench.does("prepare", prepare)
    bench.does("propose", die, lambda run: Proposed(text="p"))
    await bench.engine.execute(claimed := bench.claim())
    bench.store.release(claimed.lease)

    async def again(run: RunContext) -> Proposed:
        return Proposed(text=await run.remember("set", choose))

    bench.does("propose", again)
    await bench.machine("two").execute(bench.claim())
    assert [
        c.result
        for c in bench.store.checkpoints(RunKey(claimed.lease.key.job_id, 0))
        if c.stage == "remembered:set"
    ] == ["first"]
    await bench.engine.execute(bench.claim(job(replay={"id": "r", "from_stage": "propose"})))
    assert [
        c.result
        for c in bench.store.checkpoints(RunKey(claimed.lease.key.job_id, 1))
        if c.stage == "remembered:set"
    ] == ["second"]


def test_a_published_set_is_rendered_in_another_process(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    requested = place.worker().publish(
        edited("{% for a in 'x' * 9999 %}{% for b in 'x' * 9999 %}{{ b }}{% endfor %}{% endfor %}")
    )

    def apart(*_: object, **__: object) -> list[str]:
        raise RenderError("needs more than it may have", "propose")

    monkeypatch.setattr(bounded, "render", apart)
    assert "needs more than it may have" in (place.worker().refusal(requested) or "")
