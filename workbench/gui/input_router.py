"""What was dropped, pasted, opened or spoken goes to a model that can take it: the one shown, else a ready one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QMimeData, QObject

from workbench.errors import WorkbenchError
from workbench.gui import pasting
from workbench.gui.background import Background, Job
from workbench.gui.intake import Intake, Item, Kind, gather, text_items
from workbench.gui.language import message_of, tr
from workbench.gui.library import Library
from workbench.gui.microphone import Microphone
from workbench.settings import data_dir

if TYPE_CHECKING:
    from workbench.audio.host import Recording

__all__ = ["InputRouter", "Target"]

# A shorter recording is a slip of the finger.
MIN_SPEECH_S = 0.3


class Target(Protocol):
    """The window, as far as input goes into it."""

    def takes_text(self) -> bool: ...
    def take_text(self, text: str) -> None: ...
    def give(self, items: list[Item], kind: Kind) -> bool: ...
    def offer(self, kind: Kind, name: str | None) -> None: ...
    def tell(self, words: Callable[[], str], *, tone: str = "info") -> None: ...
    def untell(self) -> None: ...


class InputRouter(QObject):
    """Files for which no model is ready are kept until one is."""

    def __init__(
        self,
        background: Background,
        library: Library,
        microphone: Microphone,
        target: Target,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._background = background
        self._library = library
        self._target = target
        self._waiting: tuple[list[Item], Kind] | None = None
        self._gathering: Job | None = None
        microphone.recorded.connect(self.take_recording)

    @property
    def waits(self) -> bool:
        """Whether something is kept for a model that is not ready yet."""
        return self._waiting is not None

    def take(self, mime: QMimeData) -> None:
        """What was dropped or pasted: files, a picture, or a text."""
        self._begin()
        if mime.hasUrls():
            urls = mime.urls()
            paths = [url.toLocalFile() for url in urls if url.isLocalFile()]
            if paths:
                self.take_files(paths)
            elif urls:
                self._warn(lambda: tr("Only files of this machine can be used; nothing is downloaded."))
        elif mime.hasText() and self._target.takes_text():  # a spreadsheet gives a picture of the text as well
            self._target.take_text(mime.text())
        elif pasting.holds_picture(mime):
            self._background.start(
                partial(pasting.save_picture, pasting.picture_of(mime), data_dir() / "pasted"),
                done=lambda path: self.take_files([path]),
                failed=self._failed,
            )
        elif mime.hasText():
            self.give([Item(tr("Pasted text"), mime.text())], "text")

    def take_files(self, paths: list[str]) -> None:
        """Look in the background what the files are for; the model that can take them gets them.

        What was given before and is still being looked at is given up.
        """
        self._begin()
        if self._gathering:
            self._gathering.cancel()

        def work(job: Job) -> tuple[Intake, list[Item]]:
            found = gather(paths, job.cancellation.check)
            texts = found.files.get("text", []) if found.kind == "text" else []
            return found, text_items(texts, found, job.cancellation.check)

        def done(result: tuple[Intake, list[Item]]) -> None:
            if self._gathering is job:
                self._gathering = None
                self._gathered(*result)

        job = self._gathering = self._background.start(work, done=done, failed=self._failed)

    def take_recording(self, recording: Recording) -> None:
        """Have a recording transcribed."""
        why = recording.interrupted
        if recording.duration_s < MIN_SPEECH_S or recording.path is None:
            self._target.tell(
                lambda: tr(
                    "That was too short. Hold the button while you speak, or tap it and tap it again at the end."
                )
            )
            return
        path = str(recording.path)
        said = self.give([Item(recording.path.name, path, path)], "audio")
        if why:

            def words() -> str:
                kept = tr("{why} What was recorded before is kept.", why=message_of(why))
                return f"{kept} {said()}" if said else kept

            self._warn(words)

    def give(self, items: list[Item], kind: Kind) -> Callable[[], str] | None:
        """Run files with the model that is shown, else with the first that takes them and is ready. Where there is
        none, they are kept, and what was told is returned."""
        if self._target.give(items, kind):
            if self._waiting and self._waiting[1] == kind:
                self._forget()
            return None
        self._waiting = (items, kind)
        ready = self._library.first_ready(kind)
        if ready:
            self._target.offer(kind, ready.name)
            return None
        entries = self._library.entries
        first = next((entry for entry in entries if entry.modality == kind and entry.export.possible), None)
        self._target.offer(kind, first.name if first else None)
        said = partial(_no_model, kind, exportable=first is not None)
        self._warn(said)
        return said

    def give_waiting(self) -> None:
        """A model is shown that is ready: what was kept may be for it."""
        if self._waiting and self._target.give(*self._waiting):
            self._forget()

    def _begin(self) -> None:
        """What was told of things given before is of no interest now, unless they are kept."""
        if not self.waits:
            self._target.untell()

    def _forget(self) -> None:
        self._waiting = None
        self._target.untell()

    def _gathered(self, found: Intake, texts: list[Item]) -> None:
        kind = found.kind
        if kind is None or (kind == "text" and not texts):
            self._warn(lambda: tr("No text, picture or sound was found in what you gave."))
            return
        items = texts if kind == "text" else [Item(Path(path).name, path, path) for path in found.files[kind]]
        count, others = len(items), found.count - len(items)
        if found.cut_off:
            self._warn(
                lambda: tr("There are more files than can be taken at once; the first {count} are used.", count=count)
            )
        elif others:
            self._target.tell(lambda: tr("Files of other kinds were left out: {count}.", count=others))
        self.give(items, kind)

    def _warn(self, words: Callable[[], str]) -> None:
        self._target.tell(words, tone="warning")

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, WorkbenchError):
            raise error
        self._target.tell(partial(message_of, error), tone="danger")


def _no_model(kind: Kind, *, exportable: bool) -> str:
    names = {"text": tr("texts"), "image": tr("pictures"), "audio": tr("sounds")}
    if exportable:
        return tr("No model for {kind} is ready. Export one; what you gave is kept for it.", kind=names[kind])
    return tr("There is no model for {kind} yet. Download one; what you gave is kept for it.", kind=names[kind])
