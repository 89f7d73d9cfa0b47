"""The staged copy holds real files, no code and nothing that names any."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.exporting.conftest import PLAIN_FILES, make_snapshot, safetensors
from workbench.errors import ExportError
from workbench.exporting.staging import sanitise, stage_source


def staged_names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_what_names_code_is_dropped_at_every_level() -> None:
    config = {
        "model_type": "x",
        "auto_map": {"AutoModel": "modeling.Evil"},
        "vision_config": {"auto_map": {}, "hidden_size": 8, "_attn_implementation_internal": "a/kernel"},
        "parts": [{"trust_remote_code": True, "name": "kept"}, [{"_name_or_path": "/somewhere"}]],
        "_attn_implementation": "org/kernel",
    }
    assert sanitise(config) == {
        "model_type": "x",
        "vision_config": {"hidden_size": 8},
        "parts": [{"name": "kept"}, [{}]],
    }


def test_configs_of_tokenizers_and_processors_are_sanitised_too(tmp_path: Path) -> None:
    files = PLAIN_FILES | {
        "tokenizer_config.json": json.dumps({"auto_map": {"AutoTokenizer": ["t.T", None]}, "model_max_length": 7}),
        "1_Pooling/config.json": json.dumps({"trust_remote_code": True, "pooling_mode_mean_tokens": True}),
    }
    staged = stage_source(make_snapshot(tmp_path, files), tmp_path / "staged", allow_pickle=False)
    assert json.loads((staged.folder / "tokenizer_config.json").read_text()) == {"model_max_length": 7}
    assert json.loads((staged.folder / "1_Pooling/config.json").read_text()) == {"pooling_mode_mean_tokens": True}
    assert staged.named_code


def test_code_pickles_and_other_formats_stay_behind(tmp_path: Path) -> None:
    code_and_weights = ("modeling_evil.py", "pytorch_model.bin", "flax_model.msgpack", "tf_model.h5", "x.so", "run.sh")
    unwanted: dict[str, bytes | str] = dict.fromkeys(code_and_weights, b"x")
    others: dict[str, bytes | str] = {
        "onnx/model.onnx": b"x",
        "openvino/config.json": "{}",
        ".gitattributes": "x",
        "license.py": "x",
    }
    staged = stage_source(make_snapshot(tmp_path, PLAIN_FILES | unwanted | others), tmp_path / "s", allow_pickle=True)
    assert staged_names(staged.folder) == set(PLAIN_FILES)
    assert set(staged.files) == set(PLAIN_FILES)
    assert staged.named_code


def test_files_are_real_and_configs_are_no_links_into_the_cache(snapshot: Path, tmp_path: Path) -> None:
    staged = stage_source(snapshot, tmp_path / "staged", allow_pickle=False)
    assert not [path for path in staged.folder.rglob("*") if path.is_symlink()]
    assert (staged.folder / "config.json").stat().st_nlink == 1
    assert (staged.folder / "README.md").stat().st_nlink == 1
    assert staged.weight_bytes == (snapshot / "model.safetensors").stat().st_size


def test_a_link_out_of_the_cache_is_refused(snapshot: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("mine")
    (snapshot / "vocab.txt").symlink_to(secret)
    with pytest.raises(ExportError) as caught:
        stage_source(snapshot, tmp_path / "staged", allow_pickle=False)
    assert caught.value.code == "export-link-outside"
    assert "vocab.txt" in str(caught.value)


def test_a_linked_folder_is_not_entered(snapshot: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "config.json").write_text("{}")
    (snapshot / "2_Dense").symlink_to(elsewhere, target_is_directory=True)
    staged = stage_source(snapshot, tmp_path / "staged", allow_pickle=False)
    assert staged_names(staged.folder) == set(PLAIN_FILES)


def test_a_dangling_link_is_named(snapshot: Path, tmp_path: Path) -> None:
    (snapshot / "tokenizer.json").resolve().unlink()
    with pytest.raises(ExportError) as caught:
        stage_source(snapshot, tmp_path / "staged", allow_pickle=False)
    assert caught.value.code == "export-link-dangling"
    assert "tokenizer.json" in str(caught.value)


def test_the_cache_may_keep_its_blobs_in_one_shared_place(snapshot: Path, tmp_path: Path) -> None:
    shared = snapshot.parents[2] / "blobs" / "one"
    shared.parent.mkdir()
    shared.write_bytes(b"words")
    (snapshot / "vocab.txt").symlink_to(shared)
    staged = stage_source(snapshot, tmp_path / "staged", allow_pickle=False)
    assert (staged.folder / "vocab.txt").read_bytes() == b"words"


PICKLED: dict[str, bytes | str] = {"config.json": '{"model_type": "bert"}', "pytorch_model.bin": b"pickled"}


def test_a_pickle_is_taken_only_when_allowed(tmp_path: Path) -> None:
    source = make_snapshot(tmp_path / "cache", PICKLED)
    with pytest.raises(ExportError) as caught:
        stage_source(source, tmp_path / "refused", allow_pickle=False)
    assert caught.value.code == "export-pickle-only"
    assert "pytorch_model.bin" in str(caught.value)
    staged = stage_source(source, tmp_path / "staged", allow_pickle=True)
    assert staged_names(staged.folder) == {"config.json", "pytorch_model.bin"}


def test_safetensors_win_over_a_pickle_that_is_allowed(tmp_path: Path) -> None:
    files = PICKLED | {"model.safetensors": safetensors(4), "pytorch_model.bin.index.json": "{}"}
    staged = stage_source(make_snapshot(tmp_path / "cache", files), tmp_path / "staged", allow_pickle=True)
    assert staged_names(staged.folder) == {"config.json", "model.safetensors"}


INDEX = json.dumps({"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}})


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"model.safetensors": safetensors(4)}, "export-no-config"),
        ({"config.json": "{}"}, "export-no-weights"),
        ({"config.json": "{", "model.safetensors": safetensors(4)}, "export-source-unreadable"),
        ({"config.json": "[" * 100_000, "model.safetensors": safetensors(4)}, "export-source-unreadable"),
        ({"config.json": "{}", "flax_model.msgpack": b"x"}, "export-no-weights"),
        ({"config.json": "{}", "model-00001-of-00002.safetensors": safetensors(4)}, "shards-missing"),
        ({"config.json": "{}", "model.safetensors.index.json": INDEX}, "shards-missing"),
        ({"config.json": "{}", "model.safetensors.index.json": "{}"}, "export-source-unreadable"),
    ],
)
def test_what_cannot_be_exported_says_why(tmp_path: Path, files: dict[str, bytes | str], code: str) -> None:
    with pytest.raises(ExportError) as caught:
        stage_source(make_snapshot(tmp_path / "cache", files), tmp_path / "staged", allow_pickle=False)
    assert caught.value.code == code
