"""Pages that only say something: before there is any model, and why a model cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt

from workbench.gui.language import message_of, task_title, tr
from workbench.gui.widgets.basic import Banner, Button, IconLabel, Label, Panel, column
from workbench.gui.widgets.theme import SPACE, mark
from workbench.units import size

if TYPE_CHECKING:
    from workbench.library.entries import Entry, Listing

__all__ = ["UnusablePage", "WelcomePage"]

TEXT_WIDTH_PX = 420


class WelcomePage(Panel):
    """What is shown while the models are listed, and where there are none."""

    def __init__(self) -> None:
        super().__init__()
        mark(self, role="page")
        self._listing: Listing | None = None
        self._icon = IconLabel("other", "muted", 56)
        self._title = Label(role="title")
        self._text = Label(tone="muted", wrap=True)
        self._text.setMaximumWidth(TEXT_WIDTH_PX)
        self._text.setMinimumWidth(TEXT_WIDTH_PX)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.add = Button(icon="open", role="primary")
        self.add.hide()
        for label in (self._title, self._text):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        shown = (self._icon, self._title, self._text, self.add)
        layout = column(1, *shown, 2, space=SPACE.medium, margins=SPACE.wide)
        for part in shown:
            layout.setAlignment(part, Qt.AlignmentFlag.AlignHCenter)
        self.setLayout(layout)
        self.retranslate()

    def show_listing(self, listing: Listing | None) -> None:
        self._listing = listing
        self.retranslate()

    def said(self) -> str:
        """What it says."""
        return f"{self._title.text()}\n\n{self._text.text()}"

    def retranslate(self) -> None:
        self.add.setText(tr("Add a folder with models…"))
        self.add.setVisible(self._listing is not None)
        if self._listing is None:
            self._title.setText(tr("Looking for models…"))
            self._text.setText("")
            return
        self._title.setText(tr("No models yet"))
        lines = [
            tr("The workbench uses models that are on this machine. It looked here:"),
            "\n".join(self._listing.places),
            tr("Download one with Hugging Face's tools, or add a folder with models."),
        ]
        self._text.setText("\n\n".join(lines))
        # In the middle of a column, a label does not get the height that its width asks for.
        self._text.setMinimumHeight(self._text.heightForWidth(TEXT_WIDTH_PX))


class UnusablePage(Panel):
    """A model that can neither run nor be exported here, and why."""

    def __init__(self) -> None:
        super().__init__()
        mark(self, role="page")
        self._entry: Entry | None = None
        self._name = Label(role="title", wrap=True)
        self._facts = Label(tone="muted")
        self._reason = Banner(closable=False)
        self._reason.setMaximumWidth(640)
        layout = column(self._name, self._facts, self._reason, 1, space=SPACE.small, margins=SPACE.wide)
        self.setLayout(layout)

    def show_entry(self, entry: Entry) -> None:
        self._entry = entry
        self.retranslate()

    def retranslate(self) -> None:
        if self._entry is None:
            return
        entry = self._entry
        self._name.setText(entry.title)
        self._facts.setText(f"{task_title(entry.task)} · {size(entry.size_bytes)}")
        why = message_of(entry.reason) if entry.reason else tr("Nothing can be done with it here yet.")
        self._reason.tell(why, tone="warning")
