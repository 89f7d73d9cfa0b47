"""One export from beginning to end: estimate, lock, stage, worker, verification, publishing."""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from exporters.protocol import ExportAnswer, ExportRequest
from workbench.cancellation import Cancellation
from workbench.children import ChildGone
from workbench.errors import ExportError, ModelError
from workbench.exporting.estimate import check_disk, estimate_export, free_bytes
from workbench.exporting.manifests import artifact_files, new_manifest, with_variants
from workbench.exporting.publishing import add_variants, publish_new, recover, remove_unnamed, replace_artifact
from workbench.exporting.spec import STAGING, Event, ExportOutcome, ExportSpec, LogLine, Progress, StageStarted, Verify
from workbench.exporting.staging import StagedSource, link_or_copy, stage_source
from workbench.exporting.toolchains import Toolchain
from workbench.exporting.worker import start_worker
from workbench.exporting.worker_copy import ensure_worker_copy
from workbench.library.checked_files import checked_files
from workbench.library.manifest import MANIFEST_NAME, Manifest, read_manifest
from workbench.library.published_files import note_published
from workbench.tasks.samples import calibration_text
from workbench.wire import Message

__all__ = ["clean_staging", "run_export"]

# A listing holds the lock while it removes what a killed export left.
CLEANING_S = 1.0
# In a staging folder: where its export will be published, relative to the folder of artifacts.
TARGET = "target"


def run_export(
    spec: ExportSpec,
    *,
    toolchain: Toolchain,
    artifacts_dir: Path,
    data_dir: Path,
    verify: Verify,
    on_event: Callable[[Event], None] | None = None,
    cancellation: Cancellation | None = None,
    free: Callable[[Path], int] = free_bytes,
) -> ExportOutcome:
    """Do an export; returns at once when all precisions are published already and ``force`` is not set.

    Whatever happens, nothing unfinished is left where it looks finished. Raises ExportError, ToolchainError,
    Cancelled, and whatever ``verify`` raises.
    """
    final = artifacts_dir / spec.repo_folder / spec.folder_name
    staging = artifacts_dir / STAGING / spec.key
    with _errors_of_disk(), _locked(staging.with_name(f"{spec.key}.lock"), spec):
        recover(staging, final)
        _remove(staging)
        published = _published(final, force=spec.force)
        missing = tuple(name for name in spec.precisions if published is None or name not in precisions_of(published))
        if published and not missing and not spec.force:
            return ExportOutcome(final, (), spec.precisions)
        reuse = published is not None and not spec.force and "fp32" in precisions_of(published)
        needed = replace(spec, precisions=missing) if reuse else spec
        check_disk(estimate_export(needed, staging.parent, reuse_fp32=reuse), staging.parent, free)
        job = _Job(
            spec=spec,
            toolchain=toolchain,
            data_dir=data_dir,
            final=final,
            staging=staging,
            verify=verify,
            tell=on_event or (lambda event: None),
            cancellation=cancellation or Cancellation(),
        )
        staging.mkdir()
        (staging / TARGET).write_text(final.relative_to(artifacts_dir).as_posix(), "utf-8")
        try:
            if not final.exists():
                return job.make_new(spec.precisions)
            if published is None or spec.force:
                # What is published is made anew as well: one artifact comes out of one export.
                there = precisions_of(published) if published else ()
                return job.make_again(spec.precisions + tuple(name for name in there if name not in spec.precisions))
            return job.make_more(published, missing)
        finally:
            recover(staging, final)
            _remove(staging)


def clean_staging(artifacts_dir: Path) -> None:
    """Remove what killed exports left, and put back what they had moved away. Exports that run now are left alone.

    What cannot be removed stays for the next time: whoever reads does not see it.
    """
    for staging in sorted(path for path in (artifacts_dir / STAGING).glob("*") if path.is_dir()):
        try:
            with FileLock(staging.with_name(f"{staging.name}.lock"), timeout=0):
                target = staging / TARGET
                if target.exists():
                    final = artifacts_dir / target.read_text("utf-8")
                    recover(staging, final)
                    _remove_unnamed(final)
                _remove(staging)
        except (Timeout, OSError, ValueError):  # the last: what a crash of the machine left of ``target``
            continue


def _remove_unnamed(final: Path) -> None:
    """Remove the graphs of an export that was stopped while it moved them in."""
    if (final / MANIFEST_NAME).exists():
        with suppress(ModelError):  # a broken manifest is for who reads the artifact to tell
            remove_unnamed(final, read_manifest(final))


def precisions_of(manifest: Manifest) -> tuple[str, ...]:
    return tuple(variant.precision for variant in manifest.variants)


@dataclass
class _Job:
    spec: ExportSpec
    toolchain: Toolchain
    data_dir: Path
    final: Path
    staging: Path
    verify: Verify
    tell: Callable[[Event], None]
    cancellation: Cancellation
    times_s: dict[str, float] = field(default_factory=dict)
    # Precisions that do not compute what the checkpoint does, while others do.
    _left_out: dict[str, ExportError] = field(default_factory=dict)
    _stage: str = ""
    _began: float = field(default_factory=time.monotonic)
    _stage_began: float = field(default_factory=time.monotonic)

    @property
    def output(self) -> Path:
        return self.staging / "output"

    def make_new(self, precisions: tuple[str, ...]) -> ExportOutcome:
        """The first export of this model for this task."""
        source, answer, verified = self._make(precisions, reuse_fp32=False)
        check = self.cancellation.check
        manifest = new_manifest(self.spec, source, answer, verified, self.output, check)
        publish_new(self.output, self.final, manifest, check)
        note_published(self.final, manifest, checked_files(self.data_dir))
        return self._outcome(tuple(verified), (), verified, answer)

    def make_again(self, precisions: tuple[str, ...]) -> ExportOutcome:
        """A forced export in the place of a published one, which stays unless every precision can be made."""
        source, answer, verified = self._make(precisions, reuse_fp32=False)
        for error in self._left_out.values():
            raise error
        check = self.cancellation.check
        manifest = new_manifest(self.spec, source, answer, verified, self.output, check)
        replace_artifact(self.output, self.final, manifest, self.staging, check)
        note_published(self.final, manifest, checked_files(self.data_dir))
        return self._outcome(precisions, (), verified, answer)

    def make_more(self, published: Manifest, missing: tuple[str, ...]) -> ExportOutcome:
        """Further precisions of a published artifact: out of its fp32 graphs where it has them, else out of torch."""
        remove_unnamed(self.final, published)
        reuse = "fp32" in precisions_of(published)
        if reuse:
            self._begin("stage")
            for name in artifact_files(published, "fp32"):
                link_or_copy(self.final / name, self.output / name, self.cancellation.check)
        _, answer, verified = self._make(missing, reuse_fp32=reuse)
        manifest = with_variants(published, answer, verified, self.output, self.cancellation.check)
        added = tuple(verified)
        files = [name for precision in added for name in answer.files[precision]]
        add_variants(self.output, self.final, manifest, files)
        note_published(self.final, manifest, checked_files(self.data_dir), added)
        there = tuple(name for name in self.spec.precisions if name not in missing)
        return self._outcome(added, there, verified, answer)

    def _make(
        self, precisions: tuple[str, ...], *, reuse_fp32: bool
    ) -> tuple[StagedSource, ExportAnswer, dict[str, Mapping[str, Any]]]:
        """Stage, run the worker, verify. Afterwards ``output`` holds the variants and all files beside them.

        A precision that does not agree with the checkpoint is left out where others do; fp32 is what they came of.
        """
        self._begin("stage")
        source = stage_source(
            self.spec.source,
            self.staging / "source",
            allow_pickle=self.spec.allow_pickle,
            check=self.cancellation.check,
        )
        self.output.mkdir(exist_ok=True)
        self.cancellation.check()
        answer = self._run_worker(source, precisions, reuse_fp32=reuse_fp32)
        self._begin("verify")
        verified = {}
        for number, precision in enumerate(precisions):
            self.cancellation.check()
            try:
                verified[precision] = self.verify(self.output, self.spec.task, precision)
            except ExportError as error:
                if error.code != "export-disagrees" or precision == "fp32" or len(precisions) == 1:
                    raise
                self._left_out[precision] = error
            self.tell(Progress("verify", number + 1, len(precisions), "precisions"))
        self.cancellation.check()
        if not verified:
            raise next(iter(self._left_out.values()))
        for precision in self._left_out:
            for name in answer.files[precision]:
                (self.output / name).unlink()
        answer = replace(
            answer,
            files={name: answer.files[name] for name in verified},
            recipes={name: answer.recipes[name] for name in verified},
        )
        self._begin("publish")
        return source, answer, verified

    def _run_worker(self, source: StagedSource, precisions: tuple[str, ...], *, reuse_fp32: bool) -> ExportAnswer:
        """Two workers, one after the other: what torch took is given back before anything is quantized."""
        request = ExportRequest(
            source=str(source.folder),
            output=str(self.output),
            task=self.spec.task,
            export_task=self.spec.export_task,
            precisions=list(precisions),
            samples=list(self.spec.samples),
            allow_pickle=self.spec.allow_pickle,
            reuse_fp32=reuse_fp32,
            own_samples=self.spec.own_samples,
            calibration=self.spec.calibration,
            calibration_text=calibration_text() if self.spec.task == "text-generation" else "",
        )
        if reuse_fp32:
            return self._ask_worker(request, source)
        traced = self._ask_worker(replace(request, part="fp32"), source)
        made = self._ask_worker(replace(request, part="others"), source)
        recipes = {**traced.recipes, **made.recipes}
        return replace(
            traced,
            files=made.files,
            recipes={name: recipes[name] for name in precisions},
            times_s={**made.times_s, **traced.times_s},
            peak_rss_bytes=max(traced.peak_rss_bytes, made.peak_rss_bytes),
        )

    def _ask_worker(self, request: ExportRequest, source: StagedSource) -> ExportAnswer:
        copy = ensure_worker_copy(self.data_dir)
        teller = _Teller(self.tell)
        child = start_worker(
            self.toolchain.python,
            copy,
            self.staging / "home",
            lambda line: teller(LogLine(line)),
            self.cancellation,
        )
        teller.give_up = child.kill
        try:
            body = child.request(request.to_body(), lambda message: self._receive(message, teller)).wait(
                self.cancellation
            )
        except ChildGone as gone:
            if teller.error:
                raise teller.error from None
            raise ExportError("export-stopped", stage=self._stage, how=gone.how) from gone
        except ExportError as error:
            if source.named_code and error.code in ("export-unknown-architecture", "export-load-failed"):
                raise ExportError("export-remote-code") from error
            raise self._in_the_source(error, source) from error
        finally:
            child.kill()
            child.close()
        return ExportAnswer.from_body(body)

    def _in_the_source(self, error: ExportError, source: StagedSource) -> ExportError:
        """The worker's error with the files of the source in the place of their staged copies, which are gone then."""
        arguments = {
            name: value.replace(str(source.folder), str(self.spec.source)) if isinstance(value, str) else value
            for name, value in error.arguments.items()
        }
        if arguments.get("file") in source.files:
            arguments["file"] = self.spec.source / arguments["file"]
        return ExportError(error.code, **arguments)

    def _receive(self, message: Message, tell: Callable[[Event], None]) -> None:
        if message.kind != "progress":
            return
        body = message.body
        if body["stage"] != self._stage:
            self._begin(str(body["stage"]), tell)
        if body["total"]:
            tell(Progress(str(body["stage"]), body["done"], body["total"], str(body["unit"])))

    def _begin(self, stage: str, tell: Callable[[Event], None] | None = None) -> None:
        now = time.monotonic()
        if self._stage:
            self.times_s[self._stage] = self.times_s.get(self._stage, 0.0) + now - self._stage_began
        self._stage_began = now
        if stage != self._stage:
            self._stage = stage
            (tell or self.tell)(StageStarted(stage, now - self._began))

    def _outcome(
        self,
        added: tuple[str, ...],
        there: tuple[str, ...],
        verified: Mapping[str, Mapping[str, Any]],
        answer: ExportAnswer,
    ) -> ExportOutcome:
        self._begin("publish")  # closes the clock of the last stage
        skipped = tuple((int(number), str(reason)) for number, reason in answer.skipped)
        return ExportOutcome(
            folder=self.final,
            added=added,
            already_there=there,
            verification=verified,
            times_s=dict(self.times_s),
            worker_peak_bytes=answer.peak_rss_bytes,
            skipped=skipped,
            left_out=tuple(self._left_out.values()),
        )


@dataclass
class _Teller:
    """Tells of events out of the threads that read from the worker.

    An error of the listener would end such a thread, and the export would wait for ever; so it is kept and the worker
    ended.
    """

    tell: Callable[[Event], None]
    give_up: Callable[[], None] = lambda: None
    error: BaseException | None = None

    def __call__(self, event: Event) -> None:
        if self.error:
            return
        try:
            self.tell(event)
        except BaseException as error:
            self.error = error
            self.give_up()


@contextmanager
def _errors_of_disk() -> Iterator[None]:
    """What the file system refuses, as a sentence with the file's name."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            # of a copy, the first name is that of the original
            raise ExportError("export-disk-full", file=error.filename2 or error.filename or "the export") from error
        if error.filename is None:  # of no file: a pipe of the front, perhaps
            raise
        raise ExportError("export-file", file=error.filename, reason=error.strerror or error) from error


@contextmanager
def _locked(path: Path, spec: ExportSpec) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path, timeout=CLEANING_S):
            yield
    except Timeout:
        raise ExportError("export-locked", model=spec.repo_id, task=spec.task) from None


def _published(final: Path, *, force: bool) -> Manifest | None:
    """The manifest of a published artifact. A folder without one is none, and in the way.

    With ``force`` one that cannot be read counts as none: its folder is replaced when the new one is ready.
    """
    if not final.exists():
        return None
    if (final / MANIFEST_NAME).exists():
        try:
            return read_manifest(final)
        except ModelError:
            if not force:
                raise
            return None
    shutil.rmtree(final)
    return None


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
