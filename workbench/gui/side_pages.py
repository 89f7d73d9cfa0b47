"""Pages that are read beside the models: a model's receipt, and what was found on this machine."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication, QStackedWidget, QWidget
from shiboken6 import isValid

from workbench.gui.controllers import Controllers
from workbench.gui.doctor_page import DoctorPage
from workbench.gui.receipt_page import ReceiptPage
from workbench.gui.side_page import SidePage
from workbench.library.entries import Entry

__all__ = ["SidePages"]


class SidePages(QObject):
    """Puts them in front and goes back to the page that was there before. They are made when they are first needed,
    or in an idle moment before."""

    def __init__(self, pages: QStackedWidget, controllers: Controllers) -> None:
        super().__init__(pages)
        self._pages = pages
        self._controllers = controllers
        self._receipt: ReceiptPage | None = None
        self._machine: DoctorPage | None = None
        self._before: QWidget | None = None
        self._focused: QWidget | None = None

    @property
    def receipt(self) -> ReceiptPage:
        """The page of receipts; it is made by the first who asks."""
        if self._receipt is None:
            self._receipt = ReceiptPage(self._controllers.receipts, self._controllers.background)
            self._take(self._receipt)
        return self._receipt

    @property
    def machine(self) -> DoctorPage:
        """The page about this machine; it is made by the first who asks."""
        if self._machine is None:
            self._machine = DoctorPage(self._controllers.core, self._controllers.background)
            self._take(self._machine)
        return self._machine

    @property
    def shown(self) -> bool:
        """Whether one of them is in front."""
        return self._pages.currentWidget() in (self._receipt, self._machine) and self._pages.currentWidget() is not None

    def prepare(self) -> None:
        """Make the page that will be wanted first: making one takes a moment."""
        _ = self.receipt

    def show_receipt(self, entry: Entry, task: str) -> None:
        self._in_turns(
            lambda: self.receipt,
            lambda: self.receipt.show_model(entry, task),
            lambda: self._go_to(self.receipt),
        )

    def show_machine(self) -> None:
        self._go_to(self.machine)

    def stay_on(self, page: QWidget) -> None:
        """In front of what took its place just now."""
        self._before, self._focused = self._pages.currentWidget(), None
        self._pages.setCurrentWidget(page)

    def close(self) -> None:
        """Back to what was there before, and to the control that had the focus there."""
        if self.shown and self._before is not None:
            self._pages.setCurrentWidget(self._before)
            if self._focused is not None and isValid(self._focused) and self._focused.isVisible():
                self._focused.setFocus(Qt.FocusReason.OtherFocusReason)

    def _in_turns(self, first: Callable[[], object], *others: Callable[[], object]) -> None:
        """Each of these in a turn of Qt's loop: together they would hold up what else the user does."""
        first()
        if others:
            QTimer.singleShot(0, self, partial(self._in_turns, *others))

    def _go_to(self, page: SidePage) -> None:
        if not self.shown:
            self._before, self._focused = self._pages.currentWidget(), QApplication.focusWidget()
        self._pages.setCurrentWidget(page)
        page.back.setFocus(Qt.FocusReason.OtherFocusReason)  # who works by keyboard is on the page that is shown

    def _take(self, page: SidePage) -> None:
        page.closed.connect(self.close)
        self._pages.addWidget(page)
        self._controllers.appearance.dress_later(*page.parts)
