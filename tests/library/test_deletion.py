"""Deleting: what is planned is what goes, and nothing outside of its place ever does."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.library.building import (
    CLASSIFIER,
    COMMIT,
    OTHER_COMMIT,
    Hub,
    as_bytes,
    card,
    config,
    write_artifact,
    write_files,
)
from workbench.errors import ModelError
from workbench.library import deletion
from workbench.library.artifacts import list_artifacts, read_artifact
from workbench.library.deletion import DeletionPlan, Doomed, execute, plan_artifact_deletion, plan_deletion
from workbench.library.model import Model, Roots
from workbench.library.scanner import scan

Listed = Callable[[], Model]
OTHER_FILES = {**CLASSIFIER, "README.md": card("another"), "config.json": config(other=1)}
BYTES = sum(len(as_bytes(content)) for content in CLASSIFIER.values())


def everything(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*")}


def refused(action: Callable[[], object]) -> ModelError:
    with pytest.raises(ModelError) as caught:
        action()
    return caught.value


class TestWholeModel:
    def test_all_of_it_goes_and_nothing_else(self, hub: Hub) -> None:
        hub.add("org/other")
        (hub.root / ".locks" / "models--org--other").mkdir(parents=True)
        before = everything(hub.root)
        hub.add("org/model")
        hub.add("org/model", OTHER_FILES, commit=OTHER_COMMIT, refs=())
        locks = write_files(hub.root / ".locks" / "models--org--model", {"a.lock": ""})
        model = next(model for model in scan(Roots(hub_caches=(hub.root,))).models if model.id == "org/model")
        plan = plan_deletion(model)
        assert plan.paths == (hub.repo("org/model"), locks)
        assert plan.bytes > BYTES
        assert hub.repo("org/model").is_dir()
        assert execute(plan) == plan.bytes
        assert everything(hub.root) == before

    def test_the_plan_as_json(self, hub: Hub, only_model: Listed) -> None:
        hub.add("org/model")
        value = json.loads(json.dumps(plan_deletion(only_model()).to_json()))
        assert value["what"] == "org/model"
        assert value["bytes"] == BYTES + len(COMMIT)
        assert value["paths"] == [str(hub.repo("org/model"))]
        assert value["kept"] == []

    def test_a_damaged_model_can_be_deleted(self, hub: Hub, only_model: Listed) -> None:
        snapshot = hub.add("org/model")
        (snapshot / "config.json").resolve().unlink()
        (hub.repo("org/model") / "blobs" / "x.incomplete").write_bytes(bytes(99))
        assert execute(plan_deletion(only_model())) > 99
        assert everything(hub.root) == set()

    def test_a_model_without_revisions_can_be_deleted(self, hub: Hub, only_model: Listed) -> None:
        (hub.repo("org/model") / "refs").mkdir(parents=True)
        execute(plan_deletion(only_model()))
        assert everything(hub.root) == set()

    def test_what_links_lead_to_stays(self, hub: Hub, only_model: Listed, tmp_path: Path) -> None:
        treasure = write_files(tmp_path / "treasure", {"gold": "x" * 1000, "sub/silver": "x"})
        snapshot = hub.add("org/model")
        (snapshot / "config.json").unlink()
        (snapshot / "config.json").symlink_to(treasure / "gold")
        (snapshot / "folder").symlink_to(treasure)
        (hub.repo("org/model") / "blobs" / "link").symlink_to(treasure / "sub" / "silver")
        plan = plan_deletion(only_model())
        assert plan.bytes < 1000
        execute(plan)
        assert everything(treasure) == {"gold", "sub", "sub/silver"}
        assert everything(hub.root) == set()

    def test_a_content_with_a_name_elsewhere_frees_nothing(self, hub: Hub, only_model: Listed, tmp_path: Path) -> None:
        snapshot = hub.add("org/model")
        os.link((snapshot / "model.safetensors").resolve(), tmp_path / "kept")
        plan = plan_deletion(only_model())
        assert plan.bytes == BYTES + len(COMMIT) - len(as_bytes(CLASSIFIER["model.safetensors"]))
        execute(plan)
        assert (tmp_path / "kept").read_bytes() == CLASSIFIER["model.safetensors"]

    def test_contents_that_models_share_stay(self, hub: Hub, only_model: Listed) -> None:
        blob = (hub.add("org/model") / "model.safetensors").resolve()
        shared = hub.root / "blobs" / "ab" / blob.name
        shared.parent.mkdir(parents=True)
        blob.rename(shared)
        blob.symlink_to(shared)
        plan = plan_deletion(only_model())
        assert [notice.code for notice in plan.kept] == ["delete-keeps-shared"]
        execute(plan)
        assert everything(hub.root) == {"blobs", "blobs/ab", f"blobs/ab/{blob.name}"}


class TestOneRevision:
    @pytest.fixture
    def two(self, hub: Hub, only_model: Listed) -> Model:
        hub.add("org/model")
        hub.add("org/model", OTHER_FILES, commit=OTHER_COMMIT, refs=("v1", "refs/pr/2"))
        return only_model()

    def test_its_own_contents_go_and_shared_ones_stay(self, hub: Hub, two: Model, only_model: Listed) -> None:
        plan = plan_deletion(two, two.revisions[1])
        assert plan.what == "org/model at refs/pr/2"
        (kept,) = plan.kept
        assert (kept.code, kept.arguments["count"]) == ("delete-keeps-used", 2)
        own = len(as_bytes(OTHER_FILES["README.md"])) + len(as_bytes(OTHER_FILES["config.json"]))
        assert plan.bytes == own + 2 * len(COMMIT)
        assert execute(plan) == plan.bytes
        model = only_model()
        assert [item.commit for item in model.revisions] == [COMMIT]
        assert (model.state, model.warnings) == ("ready", ())
        assert len(list((hub.repo("org/model") / "blobs").iterdir())) == len(CLASSIFIER)
        assert everything(hub.repo("org/model") / "refs") == {"main"}

    def test_the_only_revision_is_the_whole_model(self, hub: Hub, only_model: Listed) -> None:
        hub.add("org/model")
        model = only_model()
        assert plan_deletion(model, model.revision) == plan_deletion(model)

    def test_files_without_links(self, hub: Hub, only_model: Listed) -> None:
        hub.add("org/model", links=False)
        hub.add("org/model", OTHER_FILES, commit=OTHER_COMMIT, refs=(), links=False)
        model = only_model()
        execute(plan_deletion(model, model.revisions[1]))
        assert only_model().state == "ready"
        assert len(only_model().revisions) == 1

    def test_a_content_that_another_revision_reaches_over_a_link_stays(
        self, hub: Hub, two: Model, only_model: Listed
    ) -> None:
        main = hub.repo("org/model") / "snapshots" / COMMIT
        (main / "again.json").symlink_to(f"../{OTHER_COMMIT}/config.json")
        blob = (main / "again.json").resolve()
        execute(plan_deletion(two, two.revisions[1]))
        assert blob.exists()

    def test_a_content_that_came_into_use_since_the_plan_stays(self, hub: Hub, two: Model, only_model: Listed) -> None:
        plan = plan_deletion(two, two.revisions[1])
        later = hub.add("org/model", {"card.md": OTHER_FILES["README.md"]}, commit="c" * 40, refs=())
        assert execute(plan) == plan.bytes - len(as_bytes(OTHER_FILES["README.md"]))
        assert (later / "card.md").read_bytes() == as_bytes(OTHER_FILES["README.md"])

    def test_what_other_revisions_use_must_be_known(
        self, hub: Hub, two: Model, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = os.scandir

        def refuse(path: str) -> object:
            if str(path).endswith(COMMIT):
                raise PermissionError(13, "Permission denied", str(path))
            return real(path)

        before = everything(hub.root)
        with monkeypatch.context() as patch:
            patch.setattr(os, "scandir", refuse)
            error = refused(lambda: plan_deletion(two, two.revisions[1]))
        assert error.code == "folder-unreadable"
        assert everything(hub.root) == before


class TestContainment:
    def test_a_repository_that_is_a_link(self, hub: Hub, only_model: Listed, tmp_path: Path) -> None:
        hub.add("org/model")
        hub.repo("org/model").rename(tmp_path / "moved")
        hub.repo("org/model").symlink_to(tmp_path / "moved")
        assert refused(lambda: plan_deletion(only_model())).code == "delete-link"
        assert (tmp_path / "moved" / "snapshots").is_dir()

    @pytest.mark.parametrize("part", ["snapshots", "blobs", "refs"])
    def test_a_part_that_became_a_link_after_the_listing(
        self, hub: Hub, only_model: Listed, tmp_path: Path, part: str
    ) -> None:
        hub.add("org/model")
        hub.add("org/model", OTHER_FILES, commit=OTHER_COMMIT, refs=("v1",))
        model = only_model()
        plan = plan_deletion(model, model.revisions[1])
        place = hub.repo("org/model") / part
        place.rename(tmp_path / "moved")
        place.symlink_to(tmp_path / "moved")
        before = everything(tmp_path / "moved")
        assert refused(lambda: execute(plan)).code == "delete-link"
        assert refused(lambda: plan_deletion(model, model.revisions[1])).code == "delete-link"
        assert everything(tmp_path / "moved") == before

    def test_locks_that_are_a_link(self, hub: Hub, only_model: Listed, tmp_path: Path) -> None:
        hub.add("org/model")
        write_files(tmp_path / "treasure" / "models--org--model", {"gold": "x"})
        (hub.root / ".locks").symlink_to(tmp_path / "treasure")
        assert refused(lambda: plan_deletion(only_model())).code == "delete-link"

    def test_a_cache_that_is_itself_reached_over_a_link(self, hub: Hub, tmp_path: Path) -> None:
        hub.add("org/model")
        (tmp_path / "cache").symlink_to(hub.root)
        (model,) = scan(Roots(hub_caches=(tmp_path / "cache",))).models
        execute(plan_deletion(model))
        assert everything(hub.root) == set()

    @pytest.mark.parametrize("path", ["", "..", "../other", "a/../../other", "/etc"])
    def test_a_plan_cannot_leave_its_root(self, hub: Hub, path: str) -> None:
        (hub.root.parent / "other").mkdir()
        plan = DeletionPlan("x", (Doomed(hub.root, hub.root / path, 0, ""),))
        assert refused(lambda: execute(plan)).code == "delete-outside"
        assert (hub.root.parent / "other").is_dir()

    def test_a_folder_of_the_user_is_not_deleted(self, tmp_path: Path) -> None:
        write_files(tmp_path / "models" / "mine", CLASSIFIER)
        (model,) = scan(Roots(folders=(tmp_path / "models",))).models
        error = refused(lambda: plan_deletion(model))
        assert error.code == "delete-protected"
        assert "folder of yours" in str(error)

    def test_nothing_goes_where_one_part_is_refused(self, hub: Hub, only_model: Listed) -> None:
        hub.add("org/model")
        plan = plan_deletion(only_model())
        broken = DeletionPlan("x", (*plan.doomed, Doomed(hub.root, hub.root / "none", 0, "")))
        assert refused(lambda: execute(broken)).code == "delete-changed"
        assert only_model().state == "ready"


class TestChangesInBetween:
    @pytest.mark.parametrize("change", ["new file", "new revision", "gone", "replaced", "longer"])
    def test_what_is_not_what_was_shown_is_left_alone(self, hub: Hub, only_model: Listed, change: str) -> None:
        snapshot = hub.add("org/model")
        plan = plan_deletion(only_model())
        repo = hub.repo("org/model")
        if change == "new file":
            (snapshot / "new.txt").write_text("x")
        elif change == "new revision":
            hub.add("org/model", OTHER_FILES, commit=OTHER_COMMIT, refs=())
        elif change == "longer":
            with (snapshot / "model.safetensors").open("ab") as stream:
                stream.write(b"x")
        else:
            repo.rename(hub.root / "elsewhere")
            if change == "replaced":
                hub.add("org/model")
        before = everything(hub.root)
        error = refused(lambda: execute(plan))
        assert error.code == "delete-changed"
        assert str(repo) in str(error)
        assert everything(hub.root) == before

    def test_what_another_process_deletes_meanwhile_is_gone_as_it_was_to_be(
        self, hub: Hub, only_model: Listed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hub.add("org/model")
        model = only_model()
        plan = plan_deletion(model)
        rmtree = shutil.rmtree
        meanwhile: list[Path] = []

        def overtaken(path: Path) -> None:
            if not meanwhile:
                meanwhile.append(path)
                rmtree(model.folder / "blobs")
                raise FileNotFoundError(2, "No such file or directory", "model.safetensors")
            rmtree(path)

        monkeypatch.setattr(shutil, "rmtree", overtaken)
        assert execute(plan) == plan.bytes
        assert meanwhile == [model.folder]
        assert not model.folder.exists()

    def test_reading_is_no_change(self, hub: Hub, only_model: Listed) -> None:
        snapshot = hub.add("org/model")
        plan = plan_deletion(only_model())
        for path in snapshot.iterdir():
            path.read_bytes()
            os.utime(path, ns=(path.stat().st_atime_ns + 10**9, path.stat().st_mtime_ns))
        assert execute(plan) == plan.bytes

    def test_what_the_system_refuses_is_told(
        self, hub: Hub, only_model: Listed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hub.add("org/model")

        def refuse(path: Path) -> None:
            raise PermissionError(13, "Permission denied", str(path / "blobs"))

        plan = plan_deletion(only_model())
        monkeypatch.setattr(deletion.shutil, "rmtree", refuse)
        error = refused(lambda: execute(plan))
        assert error.code == "delete-failed"
        assert "blobs" in str(error)
        assert "Permission denied" in str(error)


class TestArtifacts:
    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        return tmp_path / "artifacts"

    def test_it_goes_with_its_models_folder_when_that_is_empty(self, place: Path) -> None:
        write_artifact(place / "org--model" / "01234567-text-classification")
        write_artifact(place / "org--model" / "01234567-fill-mask")
        first, second = list_artifacts(place).artifacts
        plan = plan_artifact_deletion(first)
        assert plan.what == first.id
        assert plan.bytes > first.size_bytes  # with the manifest itself
        assert execute(plan) == plan.bytes
        assert [item.id for item in list_artifacts(place).artifacts] == [second.id]
        execute(plan_artifact_deletion(second))
        assert everything(place) == set()

    def test_a_damaged_one_can_be_deleted(self, place: Path) -> None:
        folder = write_artifact(place / "org--model" / "01234567-text-classification")
        (folder / "workbench.json").write_text("{")
        (artifact,) = list_artifacts(place).artifacts
        execute(plan_artifact_deletion(artifact))
        assert not folder.exists()

    def test_one_that_lies_elsewhere_is_not_deleted(self, tmp_path: Path) -> None:
        folder = write_artifact(tmp_path / "home")
        artifact = read_artifact(folder, str(folder))
        assert refused(lambda: plan_artifact_deletion(artifact)).code == "delete-protected"

    def test_what_its_links_lead_to_stays(self, place: Path, tmp_path: Path) -> None:
        treasure = write_files(tmp_path / "treasure", {"gold": "x"})
        folder = write_artifact(place / "org--model" / "01234567-text-classification")
        (folder / "link").symlink_to(treasure)
        (artifact,) = list_artifacts(place).artifacts
        execute(plan_artifact_deletion(artifact))
        assert everything(treasure) == {"gold"}
