"""On which samples an export is compared with the original, and static precisions are calibrated."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFileDialog, QMenu

from exporters.protocol import PRECISIONS
from workbench.gui.language import tr
from workbench.gui.widgets.basic import Button, ElidedLabel, Label, Panel, column, plain_tip, row
from workbench.gui.widgets.theme import SPACE

__all__ = ["SamplesChoice"]

MOST_SKIPPED = 3


class SamplesChoice(Panel):
    """The built-in samples, or those in a file or folder of the user's; emits ``changed`` with each choice."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.source: Path | None = None
        self._task = ""
        self._skipped: tuple[tuple[str, str], ...] = ()
        self._title = Label()
        self._what = ElidedLabel(tone="muted", mode=Qt.TextElideMode.ElideMiddle)
        self.own = Button(icon="open", role="quiet")
        self.own.clicked.connect(self._ask)
        self.builtin = Button(icon="close", role="quiet", tint="muted")
        self.builtin.clicked.connect(lambda: self.choose(None))
        self._help = Label(role="small", tone="muted", wrap=True)
        self._left_out = Label(role="small", tone="warning", wrap=True)
        line_ = row(self._title, self._what, self.builtin, self.own)
        line_.setStretch(1, 1)
        layout = column(space=SPACE.hair)
        layout.addLayout(line_)
        layout.addWidget(self._help)
        layout.addWidget(self._left_out)
        self.setLayout(layout)
        self.retranslate()

    def retranslate(self) -> None:
        self._title.setText(tr("Samples:"))
        self._what.setText(str(self.source) if self.source else tr("built in"))
        self.own.setText(tr("Own samples…"))
        self.own.setToolTip(
            plain_tip(tr("A folder of files, a text file with one sample a line, or a table (CSV, Parquet, JSON)"))
        )
        self.builtin.describe(tr("Use the built-in samples again"))
        self.builtin.setVisible(self.source is not None)
        self._help.setText(self._purpose())
        self._tell_skipped()

    def _purpose(self) -> str:
        if PRECISIONS["int8-static"].made_for(self._task):
            return tr("Each precision is compared with the original on these; int8-static is fitted to them.")
        if self.source and PRECISIONS["q4"].made_for(self._task):
            return tr(
                "Each precision is compared with the original on these. 4 bits are rounded by them too, and do a "
                "little better on these than on other texts."
            )
        return tr("Each precision is compared with the original on these.")

    @property
    def said(self) -> str:
        """What the samples are for."""
        return self._help.text()

    def set_task(self, task: str) -> None:
        """What is exported, the hub's pipeline tag: some precisions of it are made by the samples."""
        if task != self._task:
            self._task = task
            self.retranslate()

    def choose(self, source: Path | None) -> None:
        """Take the samples of a file or folder; None for the built-in ones."""
        if source != self.source:
            self.source, self._skipped = source, ()
            self.retranslate()
            self.changed.emit()

    def show_skipped(self, skipped: tuple[tuple[str, str], ...]) -> None:
        """What of the user's samples cannot be used, each with the reason."""
        if skipped != self._skipped:
            self._skipped = skipped
            self._tell_skipped()

    def menu(self) -> QMenu:
        """A file, or a folder with files."""
        menu = QMenu(self)
        menu.addAction(tr("A file…"), self._ask_file)
        menu.addAction(tr("A folder…"), self._ask_folder)
        return menu

    def _tell_skipped(self) -> None:
        count = len(self._skipped)
        lines = [tr("{count} samples cannot be used and are left out:", count=count)]
        lines += [f"{name}: {reason}" for name, reason in self._skipped[:MOST_SKIPPED]]
        lines += ["…"] if count > MOST_SKIPPED else []
        self._left_out.setText("\n".join(lines) if count else "")
        self._left_out.setVisible(count > 0)

    def _ask(self) -> None:
        menu = self.menu()
        menu.exec(self.own.mapToGlobal(self.own.rect().bottomLeft()))
        menu.deleteLater()

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, tr("Samples to compare on"))
        if path:
            self.choose(Path(path))

    def _ask_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, tr("Samples to compare on"))
        if folder:
            self.choose(Path(folder))
