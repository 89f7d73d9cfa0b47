"""What is read out of the layout of a hub cache, whole or broken one way each."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.library.building import CLASSIFIER, COMMIT, OTHER_COMMIT, Hub, as_bytes, config, safetensors
from workbench.library import hub as hub_module
from workbench.library.model import Model, Roots, Scan
from workbench.library.scanner import find_repo, scan

Listed = Callable[[], Model]
GOOD = "org/good"


def listing(hub: Hub) -> Scan:
    return scan(Roots(hub_caches=(hub.root,)))


def codes(found: Scan) -> list[str]:
    return [notice.code for notice in found.warnings]


def by_id(found: Scan) -> dict[str, Model]:
    return {model.id: model for model in found.models}


class TestWhole:
    @pytest.mark.parametrize("links", [True, False], ids=["links", "a system without links"])
    def test_all_facts_of_a_model(self, hub: Hub, only_model: Listed, links: bool) -> None:
        hub.add("org/model", links=links)
        model = only_model()
        assert model.id == "org/model"
        assert model.state == "ready"
        assert model.reason is None
        assert model.task == "text-classification"
        assert model.size_bytes == sum(len(as_bytes(content)) for content in CLASSIFIER.values())
        assert model.warnings == ()
        revision = model.revision
        assert revision
        assert revision.commit == COMMIT
        assert revision.refs == ("main",)
        assert [item.name for item in revision.files] == sorted(CLASSIFIER)
        assert revision.formats == ("safetensors",)
        assert revision.contents.licence == "mit"
        assert revision.contents.languages == ("en", "de")
        assert revision.contents.parameter_count == 6
        assert revision.export.answer == "yes"
        assert revision.export.tasks == ("text-classification",)

    def test_a_content_under_two_names_counts_once(self, hub: Hub, only_model: Listed) -> None:
        hub.add("org/model", {**CLASSIFIER, "again/model.safetensors": CLASSIFIER["model.safetensors"]})
        assert only_model().size_bytes == sum(len(as_bytes(content)) for content in CLASSIFIER.values())

    def test_last_use_is_that_of_the_file_read_last(self, hub: Hub, only_model: Listed) -> None:
        snapshot = hub.add("org/model")
        for path in snapshot.iterdir():
            os.utime(path, (1000, 500))
        os.utime(snapshot / "config.json", (3000, 400))
        assert only_model().last_used == 3000
        assert only_model().last_modified == 500

    def test_the_revision_meant_is_main_then_a_named_one_then_the_newest(self, hub: Hub, only_model: Listed) -> None:
        for letter, refs in (("a", ()), ("b", ()), ("c", ("v1", "refs/pr/1")), ("d", ("main",))):
            files = {"config.json": config(x=letter), "model.safetensors": safetensors(name=letter)}
            snapshot = hub.add("org/model", files, commit=letter * 40, refs=refs)
            for name in files:
                os.utime(snapshot / name, (0, {"a": 20, "b": 30, "c": 10, "d": 0}[letter]))
        model = only_model()
        assert [item.commit[0] for item in model.revisions] == ["d", "c", "b", "a"]
        assert model.revision
        assert model.revision.refs == ("main",)
        assert model.revisions[1].refs == ("refs/pr/1", "v1")
        assert [item.name for item in model.revisions] == ["main", "refs/pr/1", "b" * 8, "a" * 8]

    def test_models_come_in_the_order_of_their_ids_and_other_kinds_are_passed_over(self, hub: Hub) -> None:
        for repo_id in ("b/two", "A/one", "gpt2"):
            hub.add(repo_id)
        (hub.root / "datasets--org--data" / "snapshots").mkdir(parents=True)
        (hub.root / ".locks" / "models--b--two").mkdir(parents=True)
        (hub.root / "version.txt").write_text("1")
        found = listing(hub)
        assert [model.id for model in found.models] == ["A/one", "b/two", "gpt2"]
        assert found.warnings == ()
        assert found.places == (hub.root,)

    def test_contents_shared_by_the_cache_belong_to_the_model(self, hub: Hub, only_model: Listed) -> None:
        snapshot = hub.add("org/model")
        blob = (snapshot / "model.safetensors").resolve()
        shared = hub.root / "blobs" / "ab" / blob.name
        shared.parent.mkdir(parents=True)
        blob.rename(shared)
        blob.symlink_to(shared)
        model = only_model()
        assert model.state == "ready"
        assert model.size_bytes == sum(len(as_bytes(content)) for content in CLASSIFIER.values())


class TestBroken:
    @pytest.fixture(autouse=True)
    def good_one(self, hub: Hub) -> None:
        hub.add(GOOD)

    @pytest.fixture(autouse=True)
    def still_there(self, hub: Hub, good_one: None) -> object:
        yield
        assert by_id(listing(hub))[GOOD].state == "ready"

    def broken(self, hub: Hub) -> Model:
        return by_id(listing(hub))["org/bad"]

    def test_a_dangling_link_is_named_and_the_rest_of_the_model_kept(self, hub: Hub) -> None:
        snapshot = hub.add("org/bad")
        (snapshot / "tokenizer.json").resolve().unlink()
        model = self.broken(hub)
        assert model.state == "incomplete"
        assert model.reason
        assert model.reason.code == "file-link-dangling"
        assert "tokenizer.json" in str(model.reason)
        assert model.task == "text-classification"
        assert model.revision
        assert not model.revision.export.possible

    def test_a_broken_document_is_a_warning_only(self, hub: Hub) -> None:
        snapshot = hub.add("org/bad", {**CLASSIFIER, "docs/picture.png": "x"})
        (snapshot / "docs" / "picture.png").resolve().unlink()
        model = self.broken(hub)
        assert model.state == "ready"
        assert [notice.code for notice in model.warnings] == ["file-link-dangling"]

    @pytest.mark.parametrize("is_there", [True, False], ids=["to a file", "to nothing"])
    def test_a_link_out_of_the_cache_is_not_followed(self, hub: Hub, tmp_path: Path, is_there: bool) -> None:
        secret = tmp_path / "secret.json"
        if is_there:
            secret.write_text('{"architectures": ["SecretForCausalLM"]}')
        snapshot = hub.add("org/bad")
        (snapshot / "config.json").unlink()
        (snapshot / "config.json").symlink_to(secret)
        model = self.broken(hub)
        assert model.state == "damaged"
        assert model.reason
        assert model.reason.code == "file-link-outside"
        assert model.reason.arguments["target"] == str(secret)
        assert model.revision
        assert model.revision.contents.architectures == ()
        assert model.revision.path("config.json") is None
        assert model.revision.path("README.md") == snapshot / "README.md"

    def test_a_blob_that_is_a_link_out_of_the_cache_is_not_followed(self, hub: Hub, tmp_path: Path) -> None:
        blob = (hub.add("org/bad") / "model.safetensors").resolve()
        blob.rename(tmp_path / "elsewhere")
        blob.symlink_to(tmp_path / "elsewhere")
        model = self.broken(hub)
        assert model.reason
        assert model.reason.code == "file-link-outside"

    def test_a_link_into_another_repository_is_not_followed(self, hub: Hub) -> None:
        snapshot = hub.add("org/bad")
        (snapshot / "config.json").unlink()
        (snapshot / "config.json").symlink_to(hub.repo(GOOD) / "snapshots" / COMMIT / "config.json")
        model = self.broken(hub)
        assert model.reason
        assert model.reason.code == "file-link-outside"

    def test_links_in_a_circle(self, hub: Hub) -> None:
        snapshot = hub.add("org/bad")
        (snapshot / "config.json").unlink()
        (snapshot / "config.json").symlink_to(snapshot / "config.json")
        model = self.broken(hub)
        assert model.state == "damaged"
        assert "circle" in str(model.reason)

    def test_a_chain_of_a_thousand_links(self, hub: Hub) -> None:
        snapshot = hub.add("org/bad")
        for number in reversed(range(1200)):
            (snapshot / f"link{number}").symlink_to(f"link{number + 1}")
        assert self.broken(hub).state == "damaged"

    def test_a_link_to_a_folder(self, hub: Hub) -> None:
        snapshot = hub.add("org/bad")
        (snapshot / "onnx").symlink_to("../../blobs")
        model = self.broken(hub)
        assert model.reason
        assert model.reason.code == "file-unreadable"

    @pytest.mark.parametrize("part", ["", "blobs", "snapshots", "refs"])
    def test_a_folder_of_the_repository_that_is_a_link(self, hub: Hub, tmp_path: Path, part: str) -> None:
        hub.add("org/bad")
        place = hub.repo("org/bad") / part
        place.rename(tmp_path / "moved")
        place.symlink_to(tmp_path / "moved")
        model = self.broken(hub)
        assert model.state == "damaged"
        assert model.reason
        assert model.reason.code == "folder-is-link"
        assert model.revisions == ()

    def test_a_snapshot_that_is_a_link(self, hub: Hub, tmp_path: Path) -> None:
        hub.add("org/bad").rename(tmp_path / "moved")
        (hub.repo("org/bad") / "snapshots" / COMMIT).symlink_to(tmp_path / "moved")
        model = self.broken(hub)
        assert model.state == "damaged"
        assert model.size_bytes == 0

    def test_a_download_that_was_broken_off(self, hub: Hub) -> None:
        hub.add("org/bad", {"config.json": config()})
        (hub.repo("org/bad") / "blobs" / "abc.incomplete").write_bytes(bytes(70))
        model = self.broken(hub)
        assert model.state == "incomplete"
        assert model.reason
        assert model.reason.code == "download-unfinished"
        assert "70 bytes" in str(model.reason)
        assert model.leftover_bytes == 70

    def test_leftovers_beside_a_whole_model_leave_it_ready(self, hub: Hub) -> None:
        hub.add("org/bad")
        (hub.repo("org/bad") / "blobs" / "abc.incomplete").write_bytes(bytes(70))
        model = self.broken(hub)
        assert model.state == "ready"
        assert model.leftover_bytes == 70

    def test_nothing_but_a_config_was_downloaded(self, hub: Hub) -> None:
        hub.add("org/bad", {"config.json": config()})
        model = self.broken(hub)
        assert model.state == "incomplete"
        assert model.reason
        assert model.reason.code == "weights-missing"

    def test_a_repository_without_a_snapshot(self, hub: Hub) -> None:
        (hub.repo("org/bad") / "refs").mkdir(parents=True)
        (hub.repo("org/bad") / "refs" / "main").write_text(COMMIT)
        model = self.broken(hub)
        assert model.state == "incomplete"
        assert model.reason
        assert model.reason.code == "repo-empty"
        assert [notice.code for notice in model.warnings] == ["ref-without-snapshot"]

    def test_a_ref_to_a_snapshot_that_is_gone(self, hub: Hub) -> None:
        hub.add("org/bad")
        (hub.repo("org/bad") / "refs" / "v1").write_text(OTHER_COMMIT)
        model = self.broken(hub)
        assert model.state == "ready"
        (warning,) = model.warnings
        assert warning.code == "ref-without-snapshot"
        assert "v1" in str(warning)

    def test_a_ref_that_is_no_text(self, hub: Hub) -> None:
        hub.add("org/bad")
        (hub.repo("org/bad") / "refs" / "main").write_bytes(b"\xff\xfe")
        model = self.broken(hub)
        assert model.state == "ready"
        assert model.revision
        assert model.revision.refs == ()
        assert [notice.code for notice in model.warnings] == ["ref-unreadable"]

    def test_folders_without_end_are_left_at_some_depth(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        snapshot = hub.add("org/bad")
        for place in (hub.repo("org/bad") / "refs", snapshot):
            deep = place.joinpath(*"abcdefghijklmnopqrstuvwxyz")
            deep.mkdir(parents=True)
            (deep / "main.json").write_text(COMMIT)
        read: list[str] = []
        real = os.scandir
        with monkeypatch.context() as patch:
            patch.setattr(hub_module.os, "scandir", lambda path: [read.append(path), real(path)][1])
            model = self.broken(hub)
        assert model.state == "ready"
        assert model.revision
        assert model.revision.refs == ("main",)
        assert not any("/q/r" in path for path in read)

    def test_files_that_are_neither_files_nor_links(self, hub: Hub) -> None:
        snapshot = hub.add("org/bad")
        os.mkfifo(snapshot / "pipe.json")
        model = self.broken(hub)
        assert model.state == "damaged"
        assert "not a regular file" in str(model.reason)

    def test_foreign_entries_are_told(self, hub: Hub) -> None:
        hub.add("org/bad")
        (hub.root / "models--a-file").write_text("")
        (hub.root / "models--").mkdir()
        (hub.root / "models--..--up").mkdir()
        (hub.repo("org/bad") / "snapshots" / "a-file").write_text("")
        found = listing(hub)
        assert codes(found) == ["library-foreign-entry"] * 3
        assert [notice.code for notice in by_id(found)["org/bad"].warnings] == ["library-foreign-entry"]

    @pytest.mark.parametrize("part", ["", "blobs", "snapshots", f"snapshots/{COMMIT}", "refs"])
    def test_a_folder_that_cannot_be_read(self, hub: Hub, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
        hub.add("org/bad")
        locked, real = str(hub.repo("org/bad") / part).rstrip("/"), os.scandir

        def refuse(path: str) -> object:
            if path == locked:
                raise PermissionError(13, "Permission denied", path)
            return real(path)

        with monkeypatch.context() as patch:
            patch.setattr(hub_module.os, "scandir", refuse)
            found = by_id(listing(hub))
        assert found[GOOD].state == "ready"
        model = found["org/bad"]
        if part == "refs":
            assert model.state == "ready"
            assert [notice.code for notice in model.warnings] == ["ref-unreadable"]
        else:
            assert model.state == "damaged"
            assert model.reason
            assert model.reason.code == "folder-unreadable"
            assert locked in str(model.reason)

    def test_a_folder_that_vanishes_while_it_is_read(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        hub.add("org/bad")
        real = os.scandir

        def vanish(path: str) -> object:
            if path == str(hub.repo("org/bad")):
                for name in ("snapshots", "blobs", "refs"):
                    (hub.repo("org/bad") / name).rename(hub.root.parent / name)
                hub.repo("org/bad").rmdir()
            return real(path)

        with monkeypatch.context() as patch:
            patch.setattr(hub_module.os, "scandir", vanish)
            found = by_id(listing(hub))
        assert found["org/bad"].state == "damaged"


class TestCaches:
    def test_a_cache_that_is_not_there(self, tmp_path: Path) -> None:
        found = scan(Roots(hub_caches=(tmp_path / "none",)))
        assert found.models == ()
        assert codes(found) == ["cache-missing"]
        assert found.places == (tmp_path / "none",)

    def test_a_quiet_cache_need_not_be_there(self, tmp_path: Path) -> None:
        none = tmp_path / "none"
        assert scan(Roots(hub_caches=(none,), quiet=frozenset({none}))) == Scan(())

    def test_a_file_in_the_place_of_a_cache(self, tmp_path: Path, hub: Hub) -> None:
        hub.add(GOOD)
        (tmp_path / "file").write_text("")
        found = scan(Roots(hub_caches=(tmp_path / "file", hub.root)))
        assert codes(found) == ["folder-unreadable"]
        assert list(by_id(found)) == [GOOD]

    def test_a_cache_named_twice_is_listed_once(self, tmp_path: Path, hub: Hub) -> None:
        hub.add(GOOD)
        (tmp_path / "same").symlink_to(hub.root)
        found = scan(Roots(hub_caches=(hub.root, tmp_path / "same", hub.root), folders=(hub.root, tmp_path)))
        assert len(found.models) == 1
        assert codes(found) == ["folder-is-link"]  # the link, which the last folder holds


class TestFindingOne:
    def test_only_its_own_folder_is_read(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        hub.add(GOOD)
        hub.add("org/other")
        read: list[str] = []
        real = os.scandir
        monkeypatch.setattr(hub_module.os, "scandir", lambda path: [read.append(path), real(path)][1])
        model = find_repo(Roots(hub_caches=(hub.root,)), GOOD)
        assert model
        listed = by_id(scan(Roots(hub_caches=(hub.root,))))[GOOD]
        assert model.to_json() == {**listed.to_json(), "last_used": model.last_used}
        first = read[: read.index(str(hub.root))]
        assert first
        assert all(path.startswith(str(hub.repo(GOOD))) for path in first)

    @pytest.mark.parametrize("name", ["org/none", "", "..", "../x", "a//b", "org--good", "Org/good", "a\0b", "x" * 500])
    def test_what_is_not_there(self, hub: Hub, name: str) -> None:
        hub.add(GOOD)
        assert find_repo(Roots(hub_caches=(hub.root, hub.root / "none")), name) is None

    def test_a_whole_one_goes_before_a_broken_one(self, hub: Hub, tmp_path: Path) -> None:
        hub.add(GOOD, {"config.json": config()})
        second = Hub(tmp_path / "second")
        second.add(GOOD)
        roots = Roots(hub_caches=(hub.root, second.root))
        model = find_repo(roots, GOOD)
        assert model
        assert model.root == second.root

    def test_a_link_in_its_place(self, hub: Hub, tmp_path: Path) -> None:
        hub.add(GOOD)
        hub.repo(GOOD).rename(tmp_path / "moved")
        hub.repo(GOOD).symlink_to(tmp_path / "moved")
        model = find_repo(Roots(hub_caches=(hub.root,)), GOOD)
        assert model
        assert model.state == "damaged"
