"""What a user can pick: models and their exports as one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from workbench.errors import Notice
from workbench.library.artifacts import Artifact, Artifacts
from workbench.library.entries import Copy, Entry, list_entries, modality_of
from workbench.library.manifest import FileEntry, Manifest, VariantEntry
from workbench.library.model import Contents, Model, Revision, Scan, State, Support, Totals

COMMIT = "a" * 40
EXPORTABLE = Support("yes", None, ("sentence-similarity", "feature-extraction"))
NO_GRAPHS = Support("no", Notice.of("run-needs-export", folder="/m"))


def model(name: str, *, state: State = "ready", root: str = "/hub", run: Support = NO_GRAPHS) -> Model:
    reason = None if state == "ready" else Notice.of("weights-missing", folder="/m")
    revision = Revision(
        commit=COMMIT,
        refs=("main",),
        place=f"{root}/{name}/snapshots/{COMMIT}",
        files=(),
        totals=Totals(1000),
        state=state,
        reason=reason,
        task="sentence-similarity",
        formats=("safetensors",),
        precisions={"fp16": ("model",)},
        export=EXPORTABLE if state == "ready" else Support("no", reason),
        run=run if state == "ready" else Support("no", reason),
        contents=Contents(),
    )
    return Model(name, Path(root), f"{root}/{name}", "hub", (revision,), Totals(1000))


def export_of(repo: str, *, commit: str = COMMIT, state: State = "ready") -> Artifact:
    task = "sentence-similarity"
    variants = tuple(VariantEntry(name, {}, (FileEntry(f"onnx/{name}", 100, ""),)) for name in ("fp32", "int8"))
    manifest = Manifest(repo, commit, task, None, (), (), variants)
    folder = f"{repo.replace('/', '--')}/{commit[:8]}-{task}"
    reason = None if state == "ready" else Notice.of("model-file-missing", file="/a")
    return Artifact(folder, Path("/artifacts") / folder, manifest, state, reason)


def entries(*models: Model, exports: tuple[Artifact, ...] = ()) -> tuple[Entry, ...]:
    best = {item.id: "int8" for item in exports}
    return list_entries(Scan(models), Artifacts(exports), best).entries


def test_a_model_without_graphs_must_be_exported_first() -> None:
    (entry,) = entries(model("a/one"))
    assert (entry.standing, entry.tasks, entry.reason) == ("export", (), None)
    assert (entry.short_name, entry.owner) == ("one", "a")


def test_an_export_makes_it_ready_for_all_tasks_of_the_same_graph() -> None:
    (entry,) = entries(model("a/one"), exports=(export_of("a/one"),))
    assert entry.standing == "ready"
    assert entry.tasks == ("sentence-similarity", "feature-extraction")
    assert entry.precisions["feature-extraction"] == ("fp32", "int8")
    assert dict(entry.recommended) == {"sentence-similarity": "int8", "feature-extraction": "int8"}
    assert entry.size_bytes == 1200


def test_an_export_of_another_commit_does_not_count() -> None:
    (entry,) = entries(model("a/one"), exports=(export_of("a/one", commit="b" * 40),))
    assert entry.standing == "export"


def test_a_damaged_export_does_not_count() -> None:
    (entry,) = entries(model("a/one"), exports=(export_of("a/one", state="damaged"),))
    assert entry.standing == "export"


def test_graphs_that_came_with_the_model_run_as_they_are() -> None:
    (entry,) = entries(model("a/one", run=Support("yes", None, ("feature-extraction",))))
    assert entry.standing == "ready"
    assert dict(entry.precisions) == {"feature-extraction": ("fp16",)}
    assert dict(entry.recommended) == {}


def test_what_can_do_nothing_says_why() -> None:
    (entry,) = entries(model("a/one", state="incomplete"))
    assert entry.standing == "unusable"
    assert entry.damaged
    assert entry.reason is not None
    assert entry.reason.code == "weights-missing"


def test_the_copies_of_a_model_are_told_and_do_not_count_in_its_size() -> None:
    twice = replace(model("a/one"), copies=(model("a/one", state="incomplete", root="/other"),))
    (entry,) = entries(twice)
    assert entry.standing == "export"
    assert entry.copies == (Copy("/other/a/one", 1000),)
    assert entry.size_bytes == 1000


def test_an_export_whose_model_is_gone_stays() -> None:
    (entry,) = entries(exports=(export_of("a/gone"),))
    assert entry.standing == "ready"
    assert entry.name == f"a--gone/{COMMIT[:8]}-sentence-similarity"
    assert (entry.short_name, entry.owner) == ("gone", "a")  # and is still called by its name
    assert not entry.export.possible


def test_a_broken_manifest_is_listed_with_its_reason() -> None:
    why = Notice.of("manifest-broken", file="/x", reason="y")
    broken = Artifact("a--b/1", Path("/artifacts/a--b/1"), None, "damaged", why)
    (entry,) = entries(exports=(broken,))
    assert (entry.standing, entry.name) == ("unusable", "a--b/1")
    assert entry.reason is not None


def test_entries_are_sorted_by_their_short_names() -> None:
    assert [entry.name for entry in entries(model("z/alpha"), model("a/Beta"))] == ["z/alpha", "a/Beta"]


@pytest.mark.parametrize(
    ("task", "modality"),
    [
        ("sentence-similarity", "text"),
        ("image-classification", "image"),
        ("automatic-speech-recognition", "audio"),
        ("object-detection", "image"),
        ("audio-classification", "audio"),
        ("text-to-speech", "text"),  # what goes in
        ("text-to-audio", "audio"),
        ("zero-shot-classification", "text"),
        ("zero-shot-image-classification", "image"),
        ("fill-mask", "text"),
        ("document-question-answering", "image"),  # and a question
        ("reinforcement-learning", "other"),
        (None, "other"),
    ],
)
def test_what_a_task_is_about(task: str | None, modality: str) -> None:
    assert modality_of(task) == modality
