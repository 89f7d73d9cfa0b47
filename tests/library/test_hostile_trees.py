"""Whatever lies in a cache: a listing ends, is JSON, and shows the good model beside it."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.library.building import CLASSIFIER, COMMIT, LFS_POINTER, Hub, card, config, safetensors
from workbench.errors import ModelError
from workbench.library.deletion import execute, plan_deletion
from workbench.library.model import Model, Roots
from workbench.library.scanner import scan

GOOD = "org/good"
NAMES = st.sampled_from(
    [
        "config.json",
        "README.md",
        "model.safetensors",
        "model.safetensors.index.json",
        "model-00001-of-00002.safetensors",
        "model-00001-of-99999.safetensors",
        "pytorch_model.bin",
        "onnx",
        "model.onnx",
        "onnx/model.onnx",
        "main",
        "blobs",
        "snapshots",
        "refs",
        COMMIT,
        ".incomplete",
        "a" * 200,
        "line\nbreak",
        "\udcff",
        "модель.json",
    ]
)
CONTENTS = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            b"",
            COMMIT.encode(),
            LFS_POINTER,
            safetensors(),
            safetensors()[:30],
            json.dumps(config()).encode(),
            b'{"weight_map": {"a": "../../../x", "b": "model.safetensors", "c": []}}',
            b'{"architectures": ["\\ud800"], "auto_map": 1, "quantization_config": []}',
            card(license=["a", None], language={"en": 1}, pipeline_tag=["x"]).encode(),
            b"---\na: &a [*a]\n---\n",
        ]
    ),
)
TARGETS = st.sampled_from(
    ["..", "../..", "/", "/dev/zero", "/etc/passwd", "nothing", ".", COMMIT, "../blobs/x", "config.json"]
)
WHERE = st.sampled_from(["", "blobs", "refs", "snapshots", f"snapshots/{COMMIT}", "refs/pr", "snapshots/x/onnx"])
KINDS = st.sampled_from(["file", "link", "folder", "fifo"])
ENTRIES = st.lists(st.tuples(WHERE, NAMES, KINDS, CONTENTS, TARGETS), max_size=12)


def put(repo: Path, where: str, name: str, kind: str, content: bytes, target: str) -> None:
    """Make one entry where that is possible; something else may be in the way already."""
    path = repo / where / name
    if path.is_fifo():  # to open a pipe for writing takes until somebody reads
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "file":
            path.write_bytes(content)
        elif kind == "link":
            path.symlink_to(target)
        elif kind == "folder":
            path.mkdir()
        else:
            os.mkfifo(path)
    except OSError:
        pass


def writes_nowhere_else(path: Path) -> bool:
    """Whether writing there would follow a link."""
    return not any(part.is_symlink() for part in (path, *path.parents))


@pytest.mark.skipif(os.name == "nt", reason="links and pipes need a system that has them")
@settings(max_examples=40)
@given(ENTRIES)
def test_a_listing_ends_and_shows_the_good_model(
    tmp_path_factory: pytest.TempPathFactory, entries: list[tuple[str, str, str, bytes, str]]
) -> None:
    tmp = tmp_path_factory.mktemp("hostile")
    hub = Hub(tmp / "hub")
    hub.add(GOOD)
    hub.add("org/bad")
    bad = hub.repo("org/bad")
    for where, name, kind, content, target in entries:
        if writes_nowhere_else(bad / where / name):
            put(bad, where, name, kind, content, target)
    roots = Roots(hub_caches=(hub.root,), folders=(bad, bad / "snapshots"), index=tmp / "index.json")
    found = scan(roots)
    models = {model.id: model for model in found.models}
    assert models[GOOD].state == "ready"
    assert models["org/bad"].layout == "hub"
    text = json.dumps(found.to_json(), ensure_ascii=False, allow_nan=False)
    text.encode("utf-8", "surrogateescape")
    for model in found.models:
        assert model.state == "ready" or model.reason
        for revision in model.revisions:
            for item in revision.files:
                real = os.path.realpath(revision.folder / item.name)
                assert real.startswith(os.path.realpath(hub.root) + os.sep)
                assert stat.S_ISREG(item.stat.st_mode)
    deleted = delete(models["org/bad"])
    assert scan(Roots(hub_caches=(hub.root,))).models[0].id == (GOOD if deleted else "org/bad")
    shutil.rmtree(tmp)


def delete(model: Model) -> bool:
    """Whether the model could be deleted; one that could not is still there."""
    try:
        execute(plan_deletion(model))
    except ModelError:
        return False
    return True


def test_names_of_files_are_the_systems_own(tmp_path: Path) -> None:
    hub = Hub(tmp_path / "hub")
    name = os.fsdecode(b"bad-\xff\n.json")
    hub.add("org/model", {**CLASSIFIER, name: "{}"})
    (model,) = scan(Roots(hub_caches=(hub.root,))).models
    assert model.state == "ready"
    assert name in [item.name for item in model.revisions[0].files]
