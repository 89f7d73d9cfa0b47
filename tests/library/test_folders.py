"""Models in folders that the user points at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.library.building import CLASSIFIER, Hub, config, safetensors, write_artifact, write_files
from workbench.library import hub as hub_module
from workbench.library.model import Roots, Scan
from workbench.library.scanner import scan

GRAPHS = {"config.json": config(), "tokenizer.json": "{}", "onnx/model.onnx": "graph"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def listing(*folders: Path) -> Scan:
    return scan(Roots(folders=folders))


def ids(found: Scan) -> list[str]:
    return [model.id for model in found.models]


def codes(found: Scan) -> list[str]:
    return [notice.code for notice in found.warnings]


def test_the_folder_is_a_model_itself(root: Path) -> None:
    write_files(root, GRAPHS)
    found = listing(root)
    (model,) = found.models
    assert model.id == "models"
    assert model.layout == "folder"
    assert model.state == "ready"
    assert model.revision
    assert model.revision.commit == ""
    assert model.revision.run.answer == "yes"
    assert found.places == (root,)


def test_models_one_and_two_levels_down(root: Path) -> None:
    write_files(root / "one", CLASSIFIER)
    write_files(root / "org" / "two", GRAPHS)
    write_files(root / "a" / "b" / "too-deep", GRAPHS)
    write_files(root / "notes", {"text.txt": "no model"})
    write_files(root / ".hidden", GRAPHS)
    found = listing(root)
    assert ids(found) == ["one", "org/two"]
    assert found.warnings == ()


def test_a_hub_cache_within(root: Path) -> None:
    Hub(root / "cache").add("org/model")
    write_files(root / "one", GRAPHS)
    found = listing(root)
    assert ids(found) == ["one", "org/model"]
    assert {model.layout for model in found.models} == {"hub", "folder"}


def test_stray_weights_beside_models_do_not_hide_them(root: Path) -> None:
    write_files(root, {"stray.gguf": "GGUF", "one/config.json": config(), "one/model.safetensors": safetensors()})
    assert ids(listing(root)) == ["one"]


def test_weights_alone_are_a_model(root: Path) -> None:
    write_files(root, {"Q4/model.gguf": "GGUF", "readme.txt": "x"})
    (model,) = listing(root).models
    assert model.id == "Q4"
    assert model.revision
    assert model.revision.formats == ("gguf",)


def test_an_empty_onnx_folder_does_not_hide_weights(root: Path) -> None:
    write_files(root / "one", {"pytorch_model.bin": "x"})
    (root / "one" / "onnx").mkdir()
    assert ids(listing(root)) == ["one"]


def test_hidden_folders_are_no_part_of_a_model(root: Path) -> None:
    write_files(root / "one", {**GRAPHS, ".git/objects/big": "x" * 1000, ".gitattributes": "x"})
    left = {".cache/huggingface/download/a.incomplete": "x" * 50, ".cache/huggingface/download/a.lock": "x"}
    write_files(root / "one", left)
    (model,) = listing(root).models
    assert model.revision
    assert [item.name for item in model.revision.files] == sorted([*GRAPHS, ".gitattributes"])
    assert model.leftover_bytes == 50


def test_an_unfinished_download_into_a_folder(root: Path) -> None:
    write_files(root / "one", {"config.json": config(), ".cache/huggingface/download/a.incomplete": "x" * 50})
    (model,) = listing(root).models
    assert model.state == "incomplete"
    assert model.reason
    assert model.reason.code == "download-unfinished"


def test_links_to_folders_are_told_and_not_followed(root: Path, tmp_path: Path) -> None:
    write_files(tmp_path / "elsewhere", GRAPHS)
    write_files(root / "one", GRAPHS)
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "dangling").symlink_to(tmp_path / "nothing")
    found = listing(root)
    assert ids(found) == ["one"]
    assert codes(found) == ["folder-is-link"]
    assert str(root / "linked") in str(found.warnings[0])


def test_a_file_that_is_a_link_out_of_the_folder(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("{}")
    write_files(root / "one", GRAPHS)
    (root / "one" / "config.json").unlink()
    (root / "one" / "config.json").symlink_to(tmp_path / "secret")
    (model,) = listing(root).models
    assert model.state == "damaged"
    assert model.reason
    assert model.reason.code == "file-link-outside"


def test_a_file_that_is_a_link_within_the_folder(root: Path) -> None:
    write_files(root / "one", {**GRAPHS, "stored": "graph"})
    (root / "one" / "onnx" / "model.onnx").unlink()
    (root / "one" / "onnx" / "model.onnx").symlink_to("../stored")
    assert listing(root).models[0].state == "ready"


def test_what_is_not_there_or_empty_is_told(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = listing(root, tmp_path / "none", tmp_path / "file")
    assert found.models == ()
    assert codes(found) == ["model-folder-empty", "model-folder-missing", "folder-unreadable"]


def test_a_folder_named_twice_or_within_another_is_listed_once(root: Path) -> None:
    write_files(root / "org" / "one", GRAPHS)
    found = listing(root, root / "org", root / ".." / "models", root / "org" / "one")
    assert ids(found) == ["org/one"]
    assert found.warnings == ()


def test_an_artifact_is_a_model_that_runs(root: Path) -> None:
    write_artifact(root / "exported")
    assert ids(listing(root)) == ["exported"]


@pytest.mark.parametrize("locked", ["bad", "org/bad"])
def test_a_folder_that_cannot_be_read_hides_no_other(root: Path, locked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(root / locked, GRAPHS)
    write_files(root / "good", GRAPHS)
    write_files(root / "org" / "good", GRAPHS)
    real = os.listdir

    def refuse(path: Path) -> list[str]:
        if str(path) == str(root / locked):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(hub_module.os, "listdir", refuse)
    found = listing(root)
    assert ids(found) == ["good", "org/good"]
    assert codes(found) == ["folder-unreadable"]
    assert str(root / locked) in str(found.warnings[0])


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_permissions_of_the_system(root: Path) -> None:
    write_files(root / "bad", GRAPHS)
    write_files(root / "good", GRAPHS)
    (root / "bad").chmod(0)
    try:
        assert "good" in ids(listing(root))
    finally:
        (root / "bad").chmod(0o755)


def test_circles_of_links_at_the_top(root: Path) -> None:
    write_files(root / "one", GRAPHS)
    (root / "circle.bin").symlink_to("circle.bin")
    (root / "up").symlink_to("..")
    found = listing(root)
    assert ids(found) == ["one"]
    assert codes(found) == ["folder-is-link"]
