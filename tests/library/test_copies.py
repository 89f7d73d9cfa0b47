"""A repository that lies in several hub caches is one model, whatever is done with it."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.library.building import CLASSIFIER, COMMIT, OTHER_COMMIT, Hub, card, config, write_files
from workbench.api import Workbench
from workbench.cancellation import Cancellation
from workbench.cli import libraries
from workbench.errors import ModelError
from workbench.library.model import Roots
from workbench.library.scanner import scan
from workbench.settings import Settings

MODEL = "org/model"
HALF = {"config.json": config()}
NEWER = {**CLASSIFIER, "README.md": card("A newer one.")}


@pytest.fixture
def second(tmp_path: Path) -> Hub:
    """A cache in a folder of the user."""
    return Hub(tmp_path / "disk" / "second")


@pytest.fixture
def core(hub: Hub, second: Hub) -> Iterator[Workbench]:
    """Searches both caches."""
    with Workbench(Settings(hub_cache=hub.root, model_folders=(second.root,))) as opened:
        yield opened


def arguments(**said: object) -> Namespace:
    return Namespace(**({"json": False, "task": None, "revision": None, "card": False, "model": MODEL} | said))


class TestListing:
    def test_one_line_for_one_repository(self, hub: Hub, second: Hub) -> None:
        hub.add(MODEL)
        second.add(MODEL)
        (model,) = scan(Roots(hub_caches=(hub.root, second.root))).models
        assert (model.root, [copy.root for copy in model.copies]) == (hub.root, [second.root])
        (told,) = model.to_json()["copies"]
        assert told == {
            "root": str(second.root),
            "folder": str(second.repo(MODEL)),
            "state": "ready",
            "size_bytes": model.size_bytes,
        }

    def test_the_whole_one_goes_before_the_one_that_is_searched_first(
        self, core: Workbench, hub: Hub, second: Hub
    ) -> None:
        hub.add(MODEL, HALF)
        second.add(MODEL)
        (model,) = core.models().models
        assert (model.state, model.root) == ("ready", second.root)
        assert [copy.root for copy in model.copies] == [hub.root]

    def test_folders_of_one_name_are_two_models_and_told_apart(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folders = [write_files(tmp_path / disk / "mine", CLASSIFIER) for disk in ("a", "b")]
        roots = tuple(folder.parent for folder in folders)
        with Workbench(Settings(hub_cache=tmp_path, model_folders=roots)) as core:
            assert [model.copies for model in core.models().models] == [(), ()]
            libraries.models(core, arguments(), Cancellation())
        said = capsys.readouterr().out
        assert all(str(folder) in said for folder in folders)

    def test_the_list_names_the_other_place(
        self, core: Workbench, hub: Hub, second: Hub, capsys: pytest.CaptureFixture[str]
    ) -> None:
        hub.add(MODEL, HALF)
        second.add(MODEL)
        libraries.models(core, arguments(), Cancellation())
        lines = capsys.readouterr().out.splitlines()
        assert sum(line.startswith(f"{MODEL} ") for line in lines) == 1
        assert any(line.startswith(f"{MODEL}: also in {hub.repo(MODEL)} (") and "incomplete" in line for line in lines)


class TestWhatIsMeant:
    def test_the_whole_one_runs_and_is_exported_from_wherever_it_lies(
        self, core: Workbench, hub: Hub, second: Hub
    ) -> None:
        hub.add(MODEL, HALF)
        whole = second.add(MODEL)
        assert core.find(MODEL).folder == whole
        assert core.plan_export(MODEL).spec.source == whole
        (entry,) = core.entries().entries
        assert (entry.name, entry.copies[0].folder) == (MODEL, str(hub.repo(MODEL)))

    def test_a_revision_is_found_in_either(self, core: Workbench, hub: Hub, second: Hub) -> None:
        hub.add(MODEL)
        newer = second.add(MODEL, NEWER, commit=OTHER_COMMIT)
        assert core.find(MODEL, OTHER_COMMIT[:8]).folder == newer
        with pytest.raises(ModelError) as caught:
            core.find(MODEL, "v9")
        assert caught.value.code == "model-no-revision"

    def test_show_tells_both_places(
        self, core: Workbench, hub: Hub, second: Hub, capsys: pytest.CaptureFixture[str]
    ) -> None:
        snapshot = hub.add(MODEL)
        second.add(MODEL, HALF)
        libraries.show(core, arguments(), Cancellation())
        said = [line.split() for line in capsys.readouterr().out.splitlines()]
        assert ["folder", str(snapshot)] in said
        assert ["also", "in", str(second.repo(MODEL))] in [words[:3] for words in said]
        libraries.show(core, arguments(json=True), Cancellation())
        assert [copy["state"] for copy in json.loads(capsys.readouterr().out)["copies"]] == ["incomplete"]


class TestDeleting:
    def test_by_its_id_it_goes_from_both_and_the_plan_says_how_many_bytes_each(
        self, core: Workbench, hub: Hub, second: Hub, capsys: pytest.CaptureFixture[str]
    ) -> None:
        hub.add(MODEL)
        second.add(MODEL)
        plan = core.plan_deletion(MODEL)
        assert plan.paths == (hub.repo(MODEL), second.repo(MODEL))
        assert [item.bytes for item in plan.doomed] == plan.to_json()["bytes_of_paths"] == [plan.bytes // 2] * 2
        libraries.delete(core, arguments(yes=False), Cancellation())
        said = capsys.readouterr().out.split()
        assert all(str(path) in said and path.exists() for path in plan.paths)
        assert core.delete(plan) == plan.bytes
        assert core.models().models == ()

    def test_by_its_path_only_that_one_goes(self, core: Workbench, hub: Hub, second: Hub) -> None:
        hub.add(MODEL)
        second.add(MODEL)
        core.delete(core.plan_deletion(str(hub.repo(MODEL))))
        (model,) = core.models().models
        assert model.root == second.root

    def test_a_revision_goes_from_where_it_is(self, core: Workbench, hub: Hub, second: Hub) -> None:
        hub.add(MODEL)
        hub.add(MODEL, NEWER, commit=OTHER_COMMIT, refs=())
        second.add(MODEL)
        second.add(MODEL, NEWER, commit=OTHER_COMMIT, refs=())
        core.delete(core.plan_deletion(MODEL, OTHER_COMMIT))
        (model,) = core.models().models
        assert [[item.commit for item in copy.revisions] for copy in model.everywhere] == [[COMMIT]] * 2
        assert model.state == model.copies[0].state == "ready"  # with the contents that both revisions had
