"""Saving answers: one into a file, all into a folder, the whole run as JSON. Asks where, writes in the background."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from workbench.gui.background import Background, Job
from workbench.gui.file_saver import FileSaver, Tell, with_suffix
from workbench.gui.language import tr

if TYPE_CHECKING:
    from workbench.cancellation import Cancellation
    from workbench.results import Result
    from workbench.saving.formats import Format

__all__ = ["Answer", "AnswerSaver"]

Overlay = Callable[[Path, "Result", "Cancellation"], bytes]


@dataclass(frozen=True)
class Answer:
    """What was asked, with the task's kind of input, and what came of it."""

    input: Any
    kind: str
    result: Result


class AnswerSaver(FileSaver):
    """Answers of all kinds, in the formats of each."""

    def __init__(self, background: Background, overlay: Overlay, tell: Tell, parent: QWidget) -> None:
        """``overlay(path, result, cancellation)`` draws a result over a picture, ``tell(words, tone)`` tells the
        user."""
        super().__init__(background, tell, parent)
        self._overlay = overlay

    # --- asking -------------------------------------------------------------------------------------------------

    def ask(self, shown: Answer | None, all_: Sequence[Answer], report: Callable[[], Any], place: QWidget) -> None:
        """Ask what to save where there is a choice, and where. ``report`` gives the whole run as plain data."""
        if len(all_) <= 1 and shown is not None:
            self._ask_one(shown, report)
            return
        menu = self.menu(shown, all_, report)
        menu.exec(place.mapToGlobal(place.rect().bottomLeft()))
        menu.deleteLater()

    def menu(self, shown: Answer | None, all_: Sequence[Answer], report: Callable[[], Any]) -> QMenu:
        """This answer, all of them in one file, or each in a file of its own."""
        from workbench.saving.formats import formats_of

        menu = QMenu(self._widget)
        if shown is not None:
            menu.addAction(tr("This answer…"), lambda: self._ask_one(shown, report))
        menu.addAction(tr("All answers as one JSON file…"), lambda: self._ask_report(report))
        if all_:
            menu.addSeparator()
            for item in formats_of(type(all_[0].result)):
                title = _title(item)
                menu.addAction(
                    tr("All into a folder: {format}…", format=title), partial(self._ask_folder, list(all_), item)
                )
        return menu

    def _ask_one(self, shown: Answer, report: Callable[[], Any]) -> None:
        from workbench.saving.files import file_name
        from workbench.saving.formats import formats_of

        filters = {f"{_title(item)} (*{item.suffix})": item for item in formats_of(type(shown.result))}
        whole = tr("All about the run, as JSON (*.json)")
        name = file_name(shown.input, shown.kind)
        path, chosen = QFileDialog.getSaveFileName(
            self._asking,
            tr("Save the answer"),
            f"{name}-{tr('answer')}{next(iter(filters.values())).suffix}",
            ";;".join([*filters, whole]),
        )
        if path and chosen == whole:
            self.save_report(with_suffix(path, ".json"), report)
        elif path:
            # Some dialogs do not say what was chosen: then the name does.
            by_name = next((item for item in filters.values() if path.endswith(item.suffix)), None)
            item = filters.get(chosen) or by_name or next(iter(filters.values()))
            suffixes = [other.suffix for other in filters.values()]
            self.save_one(with_suffix(path, item.suffix, suffixes), shown, item)

    def _ask_report(self, report: Callable[[], Any]) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self._asking, tr("Save the answers"), tr("answer") + ".json", "JSON (*.json)"
        )
        if path:
            self.save_report(with_suffix(path, ".json"), report)

    def _ask_folder(self, answers: Sequence[Answer], item: Format) -> None:
        folder = QFileDialog.getExistingDirectory(self._asking, tr("Save the answers into a folder"))
        if folder:
            self.save_all(Path(folder), answers, item)

    # --- writing ------------------------------------------------------------------------------------------------

    def save_one(self, path: Path, answer: Answer, item: Format) -> None:
        """One answer into a file; several masks become several files beside it."""

        def work(job: Job) -> tuple[Path, ...]:
            from workbench.saving.files import picture_of
            from workbench.saving.formats import write

            picture = picture_of(answer.input, answer.kind)
            return write(answer.result, item, path, picture=picture, overlay=self._drawing(job))

        def done(paths: tuple[Path, ...]) -> None:
            if len(paths) == 1:
                self._done(paths[0])
            else:
                count, folder = len(paths), path.parent
                self._tell(lambda: tr("Saved {count} files in {folder}", count=count, folder=folder), "info")
                self.saved.emit(str(folder))

        self._background.start(work, done=done, failed=self._failed)

    def save_report(self, path: Path, report: Callable[[], Any]) -> None:
        """The whole run into one file."""
        self._put_json(path, report)

    def save_all(self, folder: Path, answers: Sequence[Answer], item: Format) -> None:
        """Every answer into a folder, named after its input; nothing there is replaced."""

        def work(job: Job) -> int:
            from workbench.saving.formats import OutFolder

            out, count = OutFolder(folder), 0
            for answer in answers:
                job.cancellation.check()
                count += sum(1 for _ in out.save(answer.input, answer.kind, answer.result, [item], self._drawing(job)))
            pairs = [(answer.input, answer.result) for answer in answers]
            return count + len(out.save_together(pairs, answers[0].kind, [item]))

        def done(count: int) -> None:
            self._tell(lambda: tr("Saved {count} files in {folder}", count=count, folder=folder), "info")
            self.saved.emit(str(folder))

        self._background.start(work, done=done, failed=self._failed)

    def _drawing(self, job: Job) -> Callable[[Path, Result], bytes]:
        return lambda path, result: self._overlay(path, result, job.cancellation)


def _title(item: Format) -> str:
    titles = {
        "json": tr("JSON"),
        "csv": tr("Table (CSV)"),
        "txt": tr("Text"),
        "srt": tr("Subtitles (SubRip)"),
        "vtt": tr("Subtitles (WebVTT)"),
        "png": tr("Picture (PNG)"),
        "overlay": tr("Drawn over the picture (PNG)"),
        "coco": tr("COCO annotations (JSON)"),
        "wav": tr("Sound (WAV)"),
        "npy": tr("Numbers (NPY)"),
    }
    return titles.get(item.name, item.title)
