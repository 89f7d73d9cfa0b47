"""A receipt page over a core that only pretends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import cast

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.gui.looks import dressed, put_theme
from tests.gui.receipts.fakes import FakeWorkbench
from workbench.gui import language
from workbench.gui.background import Background
from workbench.gui.core import Core
from workbench.gui.receipt_page import ReceiptPage
from workbench.gui.receipts import Receipts


@dataclass
class Desk:
    qtbot: QtBot
    workbench: FakeWorkbench
    receipts: Receipts
    page: ReceiptPage


@pytest.fixture(autouse=True)
def light_look(qapp: QApplication) -> Iterator[None]:
    put_theme(qapp, dark=False)
    language.set_current("en")
    yield
    language.set_current("en")


@pytest.fixture
def desk(qtbot: QtBot, background: Background) -> Iterator[Desk]:
    workbench = FakeWorkbench()
    receipts = Receipts(cast(Core, SimpleNamespace(workbench=workbench)), background)
    page = dressed(ReceiptPage(receipts, background))
    qtbot.addWidget(page)
    page.resize(900, 700)
    with qtbot.waitExposed(page):
        page.show()
    yield Desk(qtbot, workbench, receipts, page)
    receipts.deleteLater()
