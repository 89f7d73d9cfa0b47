"""A model whose export cannot be used is not said to have none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.library.building import COMMIT, OTHER_COMMIT, Hub, write_artifact
from workbench.errors import ModelError
from workbench.library.artifacts import list_artifacts
from workbench.library.model import Roots, Scan
from workbench.library.references import find
from workbench.library.scanner import find_repo
from workbench.targets import Wish, choose_target

NEWER, SHORT, MISSING = "newer", "short", "missing"
CODES = {NEWER: "manifest-newer", SHORT: "artifact-misfit", MISSING: "model-file-missing"}


def spoil(folder: Path, how: str) -> None:
    graph, manifest = folder / "onnx/model.onnx", folder / "workbench.json"
    if how == NEWER:
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"schema": 99}))
    elif how == SHORT:
        graph.write_bytes(graph.read_bytes()[:-1])
    else:
        graph.unlink()


def said(tmp_path: Path, hub: Hub) -> str:
    """The code of the error for the word ``org/model``."""
    roots, place = Roots(hub_caches=(hub.root,)), tmp_path / "artifacts"

    def no_scan() -> Scan:
        raise AssertionError("an exact id needs none")

    found = find(
        "org/model",
        None,
        scan=no_scan,
        artifacts=lambda: list_artifacts(place),
        repo=lambda repo_id: find_repo(roots, repo_id),
    )
    with pytest.raises(ModelError) as caught:
        choose_target(found, Wish(), lambda: list_artifacts(place))
    return caught.value.code


@pytest.mark.parametrize("how", CODES)
def test_what_is_the_matter_with_an_export_is_said(tmp_path: Path, how: str) -> None:
    hub = Hub(tmp_path / "hub")
    hub.add("org/model")
    folder = tmp_path / "artifacts" / "org--model" / f"{COMMIT[:8]}-text-classification"
    spoil(write_artifact(folder), how)
    assert said(tmp_path, hub) == CODES[how]


@pytest.mark.parametrize(("repo", "commit"), [("org--other", COMMIT), ("org--model", OTHER_COMMIT)])
def test_exports_of_others_do_not_matter(tmp_path: Path, repo: str, commit: str) -> None:
    hub = Hub(tmp_path / "hub")
    hub.add("org/model")
    spoil(write_artifact(tmp_path / "artifacts" / repo / f"{commit[:8]}-text-classification"), NEWER)
    assert said(tmp_path, hub) == "run-needs-export"
