"""Exported models and their manifests."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.library.building import COMMIT, write_artifact
from workbench.errors import ModelError
from workbench.library import artifacts as artifacts_module
from workbench.library.artifacts import list_artifacts
from workbench.library.manifest import read_manifest, write_manifest

NAME = f"{COMMIT[:8]}-text-classification"
ID = f"org--model/{NAME}"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "artifacts"


@pytest.fixture
def folder(place: Path) -> Path:
    return write_artifact(
        place / "org--model" / NAME, precisions={"fp32": "onnx/model.onnx", "q4": "onnx/model_q4.onnx"}
    )


def change_manifest(folder: Path, change: Callable[[Any], Any]) -> None:
    path = folder / "workbench.json"
    document = json.loads(path.read_text())
    changed = change(document)
    path.write_text(json.dumps(document if changed is None else changed))


class TestListing:
    def test_all_facts(self, place: Path, folder: Path) -> None:
        listed = list_artifacts(place)
        assert listed.warnings == ()
        (artifact,) = listed.artifacts
        assert artifact.id == ID
        assert artifact.folder == folder
        assert (artifact.state, artifact.reason) == ("ready", None)
        assert artifact.repo_id == "org/model"
        assert artifact.task == "text-classification"
        assert [variant.precision for variant in artifact.variants] == ["fp32", "q4"]
        files = [path for path in folder.rglob("*") if path.is_file() and path.name != "workbench.json"]
        assert artifact.size_bytes == sum(path.stat().st_size for path in files)
        assert artifact.last_modified == (folder / "workbench.json").stat().st_mtime
        value = json.loads(json.dumps(listed.to_json()))["artifacts"][0]
        assert (value["id"], value["state"]) == (ID, "ready")
        assert value["manifest"]["repo_id"] == "org/model"

    def test_nothing_was_exported_yet(self, place: Path) -> None:
        assert list_artifacts(place) == artifacts_module.Artifacts()

    def test_staging_and_what_has_no_manifest_are_no_artifacts(self, place: Path, folder: Path) -> None:
        write_artifact(place / ".staging" / "org--model")
        write_artifact(place / ".staging" / "org--model" / "output")
        (place / "org--model" / "half" / "onnx").mkdir(parents=True)
        (place / "file").write_text("")
        (place / "org--model" / "file").write_text("")
        assert [item.id for item in list_artifacts(place).artifacts] == [ID]

    def test_a_file_that_no_manifest_names_does_not_count(self, place: Path, folder: Path) -> None:
        before = list_artifacts(place).artifacts
        (folder / "onnx" / "model_int8.onnx").write_text("moved in, and then the power went")
        assert list_artifacts(place).artifacts == before

    def test_a_link_is_not_followed(self, place: Path, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        (place / "org--model").rename(tmp_path / "elsewhere" / "org--model")
        (place / "org--model").symlink_to(tmp_path / "elsewhere" / "org--model")
        assert list_artifacts(place).artifacts == ()

    @pytest.mark.parametrize("locked", ["", "org--bad"])
    def test_a_folder_that_cannot_be_read(
        self, place: Path, folder: Path, locked: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_artifact(place / "org--bad" / NAME)
        real = artifacts_module.folders_of

        def refuse(path: str) -> Any:
            if path == str(place / locked):
                raise PermissionError(13, "Permission denied", path)
            return real(path)

        monkeypatch.setattr(artifacts_module, "folders_of", refuse)
        listed = list_artifacts(place)
        assert [item.id for item in listed.artifacts] == ([ID] if locked else [])
        assert [notice.code for notice in listed.warnings] == ["folder-unreadable"]


class TestDamage:
    @pytest.fixture(autouse=True)
    def good_one_stays(self, place: Path, folder: Path) -> Any:
        write_artifact(place / "org--good" / NAME, repo_id="org/good")
        yield
        assert {item.id: item.state for item in list_artifacts(place).artifacts}[f"org--good/{NAME}"] == "ready"

    def reason(self, place: Path) -> str:
        artifact = next(item for item in list_artifacts(place).artifacts if item.id == ID)
        assert artifact.state == "damaged"
        assert artifact.reason
        assert str(place) in str(artifact.reason)
        json.dumps(artifact.to_json(), ensure_ascii=False).encode()
        return artifact.reason.code

    def test_a_file_is_missing(self, place: Path, folder: Path) -> None:
        (folder / "onnx" / "model_q4.onnx").unlink()
        assert self.reason(place) == "model-file-missing"

    def test_a_file_has_another_size(self, place: Path, folder: Path) -> None:
        (folder / "config.json").write_text("{}")
        assert self.reason(place) == "artifact-misfit"

    def test_a_folder_in_the_place_of_a_file(self, place: Path, folder: Path) -> None:
        (folder / "config.json").unlink()
        (folder / "config.json").mkdir()
        assert self.reason(place) == "file-unreadable"

    @pytest.mark.parametrize("name", ["config.json", "onnx"])
    def test_a_link_out_of_the_folder(self, place: Path, folder: Path, tmp_path: Path, name: str) -> None:
        (folder / name).rename(tmp_path / name)
        (folder / name).symlink_to(tmp_path / name)
        assert self.reason(place) == "file-link-outside"

    def test_the_manifest_is_a_folder(self, place: Path, folder: Path) -> None:
        (folder / "workbench.json").unlink()
        (folder / "workbench.json").mkdir()
        assert self.reason(place) == "manifest-broken"

    @pytest.mark.skipif(sys.platform == "win32", reason="needs pipes in the file system, and /dev")
    @pytest.mark.parametrize("target", ["pipe", "/dev/zero"])
    def test_the_manifest_has_no_end(self, place: Path, folder: Path, target: str) -> None:
        (folder / "workbench.json").unlink()
        os.mkfifo(folder / "pipe")
        (folder / "workbench.json").symlink_to(target)
        assert self.reason(place) == "manifest-broken"

    def test_the_manifest_is_a_dangling_link(self, place: Path, folder: Path) -> None:
        (folder / "workbench.json").unlink()
        (folder / "workbench.json").symlink_to("nothing")
        assert self.reason(place) == "model-file-missing"

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b"9" * 10_000])
    def test_the_manifest_is_none(self, place: Path, folder: Path, content: bytes) -> None:
        (folder / "workbench.json").write_bytes(content)
        assert self.reason(place) == "manifest-broken"

    @pytest.mark.parametrize(
        "change",
        [
            lambda value: {},
            lambda value: value.pop("variants"),
            lambda value: value.update(variants=None),
            lambda value: value.update(variants=["fp32"]),
            lambda value: value.update(schema="1"),
            lambda value: value.update(schema=True),
            lambda value: value.update(schema=0),
            lambda value: value.update(repo_id=""),
            lambda value: value.update(repo_id=5),
            lambda value: value.update(task="\ud800"),
            lambda value: value.update(toolchain=["a"]),
            lambda value: value["variants"][0].update(precision="int9"),
            lambda value: value["variants"][0].update(precision=["fp32"]),
            lambda value: value["variants"][0].update(recipe=1),
            lambda value: value["variants"][0].update(verification=["x"]),
            lambda value: value["variants"][0].update(verification={"agreement": None}),
            lambda value: value["variants"][0].update(verification={"agreement": {"mean": 1.0, "worst": 1.0}}),
            lambda value: value["variants"][0].update(
                verification={"agreement": {"metric": "cosine", "mean": "much", "worst": 1.0}}
            ),
            lambda value: value["variants"][0].update(
                verification={
                    "agreement": {"metric": "cosine", "mean": 1.0, "worst": 1.0, "extra": {"perplexity": "low"}}
                }
            ),
            lambda value: value["variants"][0].update(verification={"outputs": "logits"}),
            lambda value: value["variants"][0].update(verification={"outputs": {"logits": {}}}),
            lambda value: value["variants"][0].update(verification={"outputs": {"logits": {"max_abs_diff": 10**400}}}),
            lambda value: value["files"][0].update(bytes=10**400),
            lambda value: value["files"][0].update(bytes=-1),
            lambda value: value["files"][0].update(bytes=1.0),
            lambda value: value["files"][0].update(sha256="x"),
            lambda value: value["files"][0].update(name="../../secret"),
            lambda value: value["files"][0].update(name="/etc/passwd"),
            lambda value: value["files"][0].update(name="a/../../b"),
            lambda value: value["files"][0].update(name="C:\\b"),
            lambda value: value["files"][0].update(name="a\\..\\b"),
            lambda value: value["files"][0].update(name="a\0b"),
            lambda value: value["files"][0].update(name="\udcff"),
            lambda value: value["files"][0].update(name="."),
        ],
    )
    def test_the_manifest_says_nonsense(self, place: Path, folder: Path, change: Callable[[Any], Any]) -> None:
        change_manifest(folder, lambda document: {} if change(document) == {} else None)
        assert self.reason(place) == "manifest-broken"

    def test_a_manifest_of_a_newer_workbench(self, place: Path, folder: Path) -> None:
        change_manifest(folder, lambda document: document.update(schema=99))
        assert self.reason(place) == "manifest-newer"


class TestManifest:
    def test_it_is_read_as_it_was_written(self, folder: Path, tmp_path: Path) -> None:
        manifest = read_manifest(folder)
        write_manifest(tmp_path / "new", manifest)
        assert read_manifest(tmp_path / "new") == manifest
        assert [path.name for path in (tmp_path / "new").iterdir()] == ["workbench.json"]

    def test_variants_by_precision(self, folder: Path) -> None:
        manifest = read_manifest(folder)
        variant = manifest.variant("q4")
        assert variant
        assert variant.bytes == len("graph q4")
        assert manifest.variant("int8") is None
        assert {"config.json", "onnx/model.onnx", "onnx/model_q4.onnx"} < manifest.file_names

    def test_a_folder_without_one(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError) as caught:
            read_manifest(tmp_path)
        assert caught.value.code == "model-file-missing"

    def test_an_endless_one(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("workbench.library.manifest.MAX_BYTES", 10)
        with pytest.raises(ModelError, match="larger than"):
            read_manifest(folder)
