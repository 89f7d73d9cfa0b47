"""A job with a worker that only writes files: locks, publishing, and being stopped at every step of it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from exporters.protocol import PRECISIONS, ExportAnswer
from tests.exporting.conftest import spec_of
from workbench.cancellation import Cancellation
from workbench.errors import Cancelled, ExportError, ModelError
from workbench.exporting import job as jobs
from workbench.exporting.estimate import estimate_export
from workbench.exporting.job import TARGET, clean_staging, precisions_of, run_export
from workbench.exporting.publishing import REPLACED
from workbench.exporting.spec import STAGING, Event, ExportOutcome, ExportSpec, StageStarted
from workbench.exporting.toolchains import Toolchain
from workbench.library.manifest import MANIFEST_NAME, read_manifest


class Stopped(BaseException):
    """Stands for the process being killed: nothing may catch it and carry on."""


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[str, ...], bool]]:
    """Replaces the worker by one that writes a graph per precision; the list tells what it was asked."""
    asked: list[tuple[tuple[str, ...], bool]] = []

    def run(self: Any, source: Any, precisions: tuple[str, ...], *, reuse_fp32: bool) -> ExportAnswer:
        asked.append((precisions, reuse_fp32))
        folder = self.output / "onnx"
        folder.mkdir(exist_ok=True)
        if reuse_fp32:
            assert (folder / "model.onnx").read_text().startswith("fp32")
        else:
            for name in ("config.json", "reference/samples.json"):
                (self.output / name).parent.mkdir(exist_ok=True)
                (self.output / name).write_text("{}")
        files = {}
        for name in precisions:
            files[name] = [f"onnx/model{PRECISIONS[name].suffix}.onnx"]
            (self.output / files[name][0]).write_text(f"{name} of export {len(asked)}")
        recipes = {name: {"method": "test", "settings": {}} for name in precisions}
        return ExportAnswer(files, recipes, {"torch": "1"}, 0, {}, 7)

    monkeypatch.setattr(jobs._Job, "_run_worker", run)
    return asked


def verify_nothing(folder: Path, task: str, precision: str) -> Mapping[str, Any]:
    return {"samples": 0}


def export(
    spec: ExportSpec,
    tmp_path: Path,
    verify: Callable[[Path, str, str], Mapping[str, Any]] = verify_nothing,
    **more: Any,
) -> ExportOutcome:
    return run_export(
        spec,
        toolchain=Toolchain("optimum", Path("python"), managed=False),
        artifacts_dir=tmp_path / "artifacts",
        data_dir=tmp_path / "data",
        verify=verify,
        **more,
    )


def final_of(tmp_path: Path) -> Path:
    return tmp_path / "artifacts" / "org--name" / "01234567-feature-extraction"


def left_in_staging(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "artifacts" / STAGING).iterdir() if path.is_dir()]


def content(tmp_path: Path, precision: str) -> str:
    return (final_of(tmp_path) / f"onnx/model{PRECISIONS[precision].suffix}.onnx").read_text()


def test_an_export_is_published_with_its_manifest(snapshot: Path, tmp_path: Path, worker: Any) -> None:
    events: list[Event] = []
    seen: list[tuple[bool, str]] = []

    def verify(folder: Path, task: str, precision: str) -> Mapping[str, Any]:
        seen.append(((folder / "config.json").exists(), precision))
        return {"cosine": 1.0}

    outcome = export(spec_of(snapshot, "fp32", "int8"), tmp_path, verify, on_event=events.append)
    assert outcome.folder == final_of(tmp_path)
    assert outcome.added == ("fp32", "int8")
    assert outcome.verification == {"fp32": {"cosine": 1.0}, "int8": {"cosine": 1.0}}
    assert seen == [(True, "fp32"), (True, "int8")]
    assert [event.stage for event in events if isinstance(event, StageStarted)] == ["stage", "verify", "publish"]
    manifest = read_manifest(outcome.folder)
    assert manifest is not None
    assert precisions_of(manifest) == ("fp32", "int8")
    assert left_in_staging(tmp_path) == []
    assert str(tmp_path) not in (outcome.folder / MANIFEST_NAME).read_text()


def test_what_is_there_already_is_not_made_again(snapshot: Path, tmp_path: Path, worker: Any) -> None:
    export(spec_of(snapshot, "fp32"), tmp_path)
    again = export(spec_of(snapshot, "fp32"), tmp_path)
    assert again.added == ()
    assert again.already_there == ("fp32",)
    more = export(spec_of(snapshot, "fp32", "int8"), tmp_path)
    assert (more.added, more.already_there) == (("int8",), ("fp32",))
    assert worker == [(("fp32",), False), (("int8",), True)]
    manifest = read_manifest(final_of(tmp_path))
    assert manifest is not None
    assert precisions_of(manifest) == ("fp32", "int8")
    assert content(tmp_path, "fp32") == "fp32 of export 1"


def test_without_a_published_fp32_graph_torch_exports_again(snapshot: Path, tmp_path: Path, worker: Any) -> None:
    export(spec_of(snapshot, "int8"), tmp_path)
    export(spec_of(snapshot, "fp16"), tmp_path)
    assert worker == [(("int8",), False), (("fp16",), False)]
    assert content(tmp_path, "int8") == "int8 of export 1"


def test_force_makes_all_that_is_published_anew(snapshot: Path, tmp_path: Path, worker: Any) -> None:
    export(spec_of(snapshot, "fp32", "int8"), tmp_path)
    receipt = final_of(tmp_path) / "receipts" / "one.json"
    receipt.parent.mkdir()
    receipt.write_text("{}")
    outcome = export(spec_of(snapshot, "fp32", force=True), tmp_path)
    assert set(outcome.added) == {"fp32", "int8"}
    assert content(tmp_path, "int8") == "int8 of export 2"
    assert receipt.exists()


def test_force_replaces_what_cannot_be_read(snapshot: Path, tmp_path: Path, worker: Any) -> None:
    export(spec_of(snapshot, "fp32"), tmp_path)
    (final_of(tmp_path) / MANIFEST_NAME).write_text("{", "utf-8")
    with pytest.raises(ModelError, match="--force"):
        export(spec_of(snapshot, "fp32"), tmp_path)
    assert content(tmp_path, "fp32") == "fp32 of export 1"
    export(spec_of(snapshot, "fp32", force=True), tmp_path)
    assert content(tmp_path, "fp32") == "fp32 of export 2"
    assert precisions_of(read_manifest(final_of(tmp_path))) == ("fp32",)


def test_a_variant_that_disagrees_is_not_published(snapshot: Path, tmp_path: Path, worker: Any) -> None:
    def verify(folder: Path, task: str, precision: str) -> Mapping[str, Any]:
        if precision == "int8":
            raise ExportError("export-no-weights", folder="x")
        return {}

    export(spec_of(snapshot, "fp32"), tmp_path, verify)
    with pytest.raises(ExportError):
        export(spec_of(snapshot, "int8"), tmp_path, verify)
    assert [path.name for path in (final_of(tmp_path) / "onnx").iterdir()] == ["model.onnx"]
    assert left_in_staging(tmp_path) == []


def disagreeing(*precisions: str) -> Callable[[Path, str, str], Mapping[str, Any]]:
    def verify(folder: Path, task: str, precision: str) -> Mapping[str, Any]:
        if precision in precisions:
            told = {"output": "y", "cosine": "0.1", "floor": 0.9, "difference": "7"}
            raise ExportError("export-disagrees", precision=precision, **told)
        return {}

    return verify


def test_one_precision_that_disagrees_does_not_keep_the_others(snapshot: Path, tmp_path: Path, worker: Any) -> None:
    outcome = export(spec_of(snapshot, "fp32", "fp16", "int8"), tmp_path, disagreeing("int8"))
    assert outcome.added == ("fp32", "fp16")
    assert [error.arguments["precision"] for error in outcome.left_out] == ["int8"]
    manifest = read_manifest(final_of(tmp_path))
    assert manifest is not None
    assert precisions_of(manifest) == ("fp32", "fp16")
    assert {path.name for path in (final_of(tmp_path) / "onnx").iterdir()} == {"model.onnx", "model_fp16.onnx"}


def test_further_precisions_come_without_the_one_that_disagrees(snapshot: Path, tmp_path: Path, worker: Any) -> None:
    export(spec_of(snapshot, "fp32"), tmp_path)
    outcome = export(spec_of(snapshot, "fp32", "fp16", "int8"), tmp_path, disagreeing("fp16"))
    assert (outcome.added, outcome.already_there) == (("int8",), ("fp32",))
    assert precisions_of(read_manifest(final_of(tmp_path))) == ("fp32", "int8")
    assert not (final_of(tmp_path) / "onnx/model_fp16.onnx").exists()


@pytest.mark.parametrize(
    ("asked", "wrong"),
    [(("fp32", "int8"), ("fp32",)), (("fp16", "int8"), ("fp16", "int8")), (("int8",), ("int8",))],
)
def test_where_none_agrees_or_fp32_does_not_nothing_is_published(
    snapshot: Path, tmp_path: Path, worker: Any, asked: tuple[str, ...], wrong: tuple[str, ...]
) -> None:
    with pytest.raises(ExportError) as caught:
        export(spec_of(snapshot, *asked), tmp_path, disagreeing(*wrong))
    assert caught.value.code == "export-disagrees"
    assert not final_of(tmp_path).exists()
    assert left_in_staging(tmp_path) == []


def test_what_is_published_stays_when_it_cannot_be_made_anew(snapshot: Path, tmp_path: Path, worker: Any) -> None:
    export(spec_of(snapshot, "fp32", "int8"), tmp_path)
    with pytest.raises(ExportError):
        export(spec_of(snapshot, "fp32", force=True), tmp_path, disagreeing("int8"))
    assert content(tmp_path, "int8") == "int8 of export 1"


def test_a_second_export_of_the_same_model_is_refused(snapshot: Path, tmp_path: Path, worker: Any) -> None:
    spec = spec_of(snapshot)
    lock = tmp_path / "artifacts" / STAGING / f"{spec.key}.lock"
    lock.parent.mkdir(parents=True)
    with FileLock(lock), pytest.raises(ExportError) as caught:
        # a lock of this thread could be taken twice
        raise_in_thread(lambda: export(spec, tmp_path))
    assert caught.value.code == "export-locked"
    assert worker == []
    export(spec, tmp_path)


def test_an_export_in_another_process_is_waited_for_by_hand(snapshot: Path, tmp_path: Path, worker: Any) -> None:
    spec = spec_of(snapshot)
    lock = tmp_path / "artifacts" / STAGING / f"{spec.key}.lock"
    lock.parent.mkdir(parents=True)
    code = "import sys, filelock\nwith filelock.FileLock(sys.argv[1]): print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(ExportError) as caught:
            export(spec, tmp_path)
        # A listing of another process must not take the running export's files away.
        staged = lock.with_suffix("")
        staged.mkdir()
        clean_staging(tmp_path / "artifacts")
        assert staged.exists()
        other.stdin.close()
    assert caught.value.code == "export-locked"
    assert "org/name" in str(caught.value)
    export(spec, tmp_path)


@pytest.mark.parametrize("target", [b"", b"\xff\xfe", b"\0" * 8])
def test_what_a_crash_left_of_the_note_of_a_target_loses_nothing(tmp_path: Path, target: bytes) -> None:
    staged = tmp_path / STAGING / "key"
    (staged / REPLACED).mkdir(parents=True)
    (staged / REPLACED / "workbench.json").write_text("{}", "utf-8")
    (staged / TARGET).write_bytes(target)
    (tmp_path / "org--name").mkdir()
    clean_staging(tmp_path)
    assert (staged / REPLACED / "workbench.json").exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ExportError("export-no-weights", folder="x"), ValueError])
@pytest.mark.parametrize("stage", ["stage", "verify", "publish"])
def test_whatever_stops_an_export_leaves_nothing(
    snapshot: Path, tmp_path: Path, worker: Any, stage: str, error: Any
) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, StageStarted) and event.stage == stage:
            raise error

    with pytest.raises(error if isinstance(error, type) else type(error)):
        export(spec_of(snapshot), tmp_path, on_event=stop)
    assert not final_of(tmp_path).exists()
    assert left_in_staging(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "export-disk-full"), (errno.EACCES, "export-file"), (errno.EROFS, "export-file")],
)
def test_what_the_disk_refuses_names_the_file(
    snapshot: Path, tmp_path: Path, worker: Any, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    def refuse(folder: Path, manifest: Any) -> None:
        raise OSError(number, os.strerror(number), str(folder / MANIFEST_NAME))

    monkeypatch.setattr("workbench.exporting.publishing.write_manifest", refuse)
    with pytest.raises(ExportError) as caught:
        export(spec_of(snapshot), tmp_path)
    assert caught.value.code == code
    assert MANIFEST_NAME in str(caught.value)
    assert left_in_staging(tmp_path) == []


def test_a_pipe_that_the_front_lost_is_no_file_of_the_export(snapshot: Path, tmp_path: Path, worker: Any) -> None:
    def lost(event: Event) -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    with pytest.raises(BrokenPipeError):
        export(spec_of(snapshot), tmp_path, on_event=lost)
    assert left_in_staging(tmp_path) == []


def test_room_for_what_is_there_already_is_not_asked_for(snapshot: Path, tmp_path: Path, worker: Any) -> None:
    export(spec_of(snapshot, "fp32"), tmp_path)
    seen: list[int] = []

    def free(folder: Path) -> int:
        seen.append(estimate_export(spec_of(snapshot, "int8"), tmp_path, reuse_fp32=True).disk_bytes)
        return seen[-1]

    assert export(spec_of(snapshot, "fp32", "int8"), tmp_path, free=free).added == ("int8",)
    assert seen


def raise_in_thread(call: Callable[[], object]) -> None:
    errors: list[Exception] = []

    def run() -> None:
        try:
            call()
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


def test_a_full_disk_is_noticed_before_anything_is_staged(snapshot: Path, tmp_path: Path, worker: Any) -> None:
    with pytest.raises(ExportError) as caught:
        export(spec_of(snapshot), tmp_path, free=lambda folder: 10)
    assert caught.value.code == "export-disk-too-small"
    assert worker == []
    assert left_in_staging(tmp_path) == []


def test_a_cancelled_export_leaves_nothing(snapshot: Path, tmp_path: Path, worker: Any) -> None:
    cancellation = Cancellation()

    def verify(folder: Path, task: str, precision: str) -> Mapping[str, Any]:
        cancellation.cancel()
        return {}

    with pytest.raises(Cancelled):
        export(spec_of(snapshot), tmp_path, verify, cancellation=cancellation)
    assert not final_of(tmp_path).exists()
    assert left_in_staging(tmp_path) == []


class Killer:
    """Stops the process at the n-th change of the file system that publishing makes, and at all that follow."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
        self.at, self.count = at, 0
        for name in ("rename", "replace"):
            monkeypatch.setattr(Path, name, self.wrap(getattr(Path, name)))
        for name in ("sync_folder", "write_manifest"):
            monkeypatch.setattr(f"workbench.exporting.publishing.{name}", self.wrap(publishing_function(name)))
        monkeypatch.setattr(jobs, "_remove", self.wrap(jobs._remove))

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            if self.count >= self.at:
                raise Stopped
            return function(*args, **kwargs)

        return counted


def publishing_function(name: str) -> Callable[..., Any]:
    from workbench.exporting import publishing

    function: Callable[..., Any] = getattr(publishing, name)
    return function


@pytest.mark.parametrize("before", ["nothing", "more", "force"])
def test_killed_at_any_step_the_artifact_is_the_old_or_the_new_one(
    snapshot: Path, tmp_path: Path, worker: Any, before: str
) -> None:
    steps = 0
    for at in range(1, 40):
        place = tmp_path / f"{before}{at}"
        old: tuple[str, ...] = ()
        if before != "nothing":
            export(spec_of(snapshot, "fp32"), place)
            old = ("fp32",)
        spec = spec_of(snapshot, "fp32", "int8", force=before == "force")
        with pytest.MonkeyPatch.context() as patch:
            killer = Killer(patch, at)
            try:
                export(spec, place)
                steps = killer.count
            except Stopped:
                pass
        clean_staging(place / "artifacts")
        check_whole(place, old, ("fp32", "int8"))
        check_named(place)
        export(spec_of(snapshot, "fp32", "int8"), place)
        check_whole(place, ("fp32", "int8"), ("fp32", "int8"))
        if steps:
            break
    assert steps >= 4


def check_whole(place: Path, old: tuple[str, ...], new: tuple[str, ...]) -> None:
    final = final_of(place)
    if not (final / MANIFEST_NAME).exists():
        assert old == ()
        return
    manifest = read_manifest(final)
    assert manifest is not None
    assert precisions_of(manifest) in (old, new)
    for variant in manifest.variants:
        for file in variant.files:
            assert (final / file.name).stat().st_size == file.bytes
    assert left_in_staging(place) == []


def check_named(place: Path) -> None:
    """What the manifest does not name is cleaned at the next start."""
    if (final_of(place) / MANIFEST_NAME).exists():
        there = {path.relative_to(final_of(place)).as_posix() for path in final_of(place).rglob("*") if path.is_file()}
        assert there - {MANIFEST_NAME} == read_manifest(final_of(place)).file_names


def test_a_full_disk_is_told_with_the_copy_and_not_with_its_original() -> None:
    with pytest.raises(ExportError) as caught, jobs._errors_of_disk():
        raise OSError(errno.ENOSPC, "No space left on device", "the/original", None, "the/copy")
    assert caught.value.code == "export-disk-full"
    assert caught.value.arguments["file"] == "the/copy"
