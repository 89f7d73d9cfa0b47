"""Opening an address that stands in a text of a model: never without asking, and only kinds that a browser opens."""

from __future__ import annotations

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QMessageBox, QWidget

from workbench.gui.language import tr
from workbench.gui.widgets.theme import style_sheet

__all__ = ["ask_to_open", "may_open"]

SCHEMES = ("http", "https", "mailto")
MAX_SHOWN = 2_000


def may_open(url: QUrl) -> bool:
    """Whether an address may be opened at all: no script, no file, nothing of another program."""
    return url.isValid() and url.scheme().lower() in SCHEMES


def ask_to_open(url: QUrl, parent: QWidget) -> None:
    """Show the whole address as it would be asked for, and open it where the user says so."""
    address = bytes(url.toEncoded().data()).decode("ascii", "replace")
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.NoIcon)
    box.setWindowTitle(tr("Link in an answer"))
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setTextInteractionFlags(
        Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
    )
    allowed = may_open(url)
    box.setText(
        tr("A model wrote this address. Open it in your browser?")
        if allowed
        else tr("A model wrote this address. It is not one of a web page, so it is not opened.")
    )
    box.setInformativeText(_in_lines(address))
    yes = box.addButton(tr("Open"), QMessageBox.ButtonRole.AcceptRole) if allowed else None
    copy = box.addButton(tr("Copy the address"), QMessageBox.ButtonRole.ActionRole)
    no = box.addButton(tr("Cancel"), QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(no)
    box.setEscapeButton(no)
    box.setStyleSheet(style_sheet())
    box.exec()
    if yes is not None and box.clickedButton() is yes:
        QDesktopServices.openUrl(url)
    elif box.clickedButton() is copy:
        QGuiApplication.clipboard().setText(address)
    box.deleteLater()


def _in_lines(address: str) -> str:
    """An address has no spaces at which it could be broken."""
    shown = address if len(address) <= MAX_SHOWN else address[:MAX_SHOWN] + "…"
    return "\u200b".join(shown[at : at + 12] for at in range(0, len(shown), 12))
