"""The toolchain where it is missing or does not work, and its installation."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.gui.export.conftest import Desk
from tests.gui.export.fakes import BROKEN, MISSING, USABLE, entry
from workbench.errors import ToolchainError
from workbench.exporting.toolchains import ToolchainStatus

LINES = [("environment", ""), ("torch", "Collecting torch==2.13.0"), ("torch", "Downloading torch-2.13.0.whl")]
WRONG = ToolchainStatus(
    "optimum", Path("/gone/python"), False, None, ToolchainError("toolchain-python-missing", python="/gone/python")
)


def test_until_it_is_known_nothing_can_begin(desk: Desk) -> None:
    desk.page.show()

    desk.page.show_entry(entry())
    assert desk.exports.toolchain_status is None
    assert desk.page.form.isVisible()
    assert not desk.page.form.export.isEnabled()
    desk.qtbot.waitUntil(desk.page.form.export.isEnabled)


def test_a_missing_toolchain_is_installed_and_the_form_appears(desk: Desk) -> None:
    gate = threading.Event()
    desk.workbench.status = MISSING
    desk.workbench.install_script = [*LINES, gate, ("packages", ""), ("probe", "")]
    desk.show()
    card = desk.page.toolchain
    assert card.isVisible()
    assert not desk.page.form.isVisible()
    assert card.install.text() == "Install"
    assert card.banner.isHidden()
    assert desk.workbench.said("install") == []  # nothing is downloaded unasked
    card.install.click()
    desk.qtbot.waitUntil(lambda: card.line.text() == "Downloading torch-2.13.0.whl")
    assert card.cancel.isVisible()
    assert not card.install.isVisible()
    assert desk.exports.installing
    assert card._step.text() == "Installing PyTorch"
    card.log.toggle.click()
    assert card.log.text.toPlainText().splitlines() == [line for _, line in LINES if line]
    gate.set()
    desk.qtbot.waitUntil(desk.page.form.export.isEnabled)
    assert desk.page.form.isVisible()
    assert not card.isVisible()
    assert not desk.exports.installing
    assert desk.workbench.said("install") == [("install", "as-configured")]


def test_one_of_an_older_list_still_exports_and_is_brought_up_to_date(desk: Desk) -> None:
    gate = threading.Event()
    desk.workbench.status = replace(USABLE, outdated=True)
    desk.workbench.install_script = [*LINES, gate]
    desk.show()
    desk.qtbot.waitUntil(desk.page.note.isVisible)
    assert "older list" in desk.page.note.accessibleName()
    desk.qtbot.waitUntil(desk.page.form.export.isEnabled)
    desk.page.note._action.click()
    desk.qtbot.waitUntil(desk.page.toolchain.isVisible)
    assert not desk.page.note.isVisible()
    assert ("remove",) not in desk.workbench.calls
    gate.set()
    desk.qtbot.waitUntil(desk.page.form.isVisible)
    desk.qtbot.waitUntil(desk.page.form.export.isEnabled)
    assert not desk.page.note.isVisible()


@pytest.mark.skipif("sys.platform != 'linux'", reason="elsewhere PyPI has a PyTorch without CUDA")
def test_a_smaller_pytorch_can_be_chosen(desk: Desk) -> None:
    desk.workbench.status = MISSING
    desk.show()
    desk.page.toolchain.cpu_build.click()
    desk.page.toolchain.install.click()
    desk.qtbot.waitUntil(desk.page.form.export.isEnabled)
    assert desk.workbench.said("install") == [("install", "cpu")]


def test_a_failed_installation_can_be_tried_again(desk: Desk) -> None:
    error = ToolchainError("toolchain-install-failed", step="torch", reason="no space left", log="/data/optimum.log")
    desk.workbench.status = MISSING
    desk.workbench.install_script = [*LINES, error]
    desk.show()
    card = desk.page.toolchain
    card.install.click()
    desk.qtbot.waitUntil(card.banner.isVisible)
    assert "no space left" in card.banner.text
    assert card.install.text() == "Try again"
    assert card.log.toggle.isVisible()
    desk.workbench.install_script = []
    card.install.click()
    desk.qtbot.waitUntil(desk.page.form.export.isEnabled)


def test_an_installation_can_be_cancelled(desk: Desk) -> None:
    desk.workbench.status = MISSING
    desk.workbench.install_script = [*LINES, threading.Event()]
    desk.show()
    card = desk.page.toolchain
    card.install.click()
    desk.qtbot.waitUntil(lambda: card.line.text() == "Downloading torch-2.13.0.whl")
    desk.workbench.status = ToolchainStatus(
        "optimum", None, True, None, ToolchainError("toolchain-unfinished", name="optimum")
    )
    card.cancel.click()
    assert card._step.text() == "Stopping…"
    desk.qtbot.waitUntil(lambda: not desk.exports.installing)
    assert card.banner.text == "The installation was stopped. What is there already is kept."
    desk.qtbot.waitUntil(lambda: card.install.text() == "Continue the installation")


def test_the_installation_goes_on_while_the_page_is_left(desk: Desk) -> None:
    gate = threading.Event()
    desk.workbench.status = MISSING
    desk.workbench.install_script = [*LINES, gate]
    desk.show()
    desk.page.toolchain.install.click()
    desk.page.hide()
    desk.qtbot.waitUntil(lambda: desk.exports.install_state is not None and desk.exports.install_state.step == "torch")
    desk.show()
    assert desk.page.toolchain.cancel.isVisible()
    gate.set()
    desk.qtbot.waitUntil(desk.page.form.export.isEnabled)


def test_a_broken_toolchain_is_put_anew(desk: Desk) -> None:
    desk.workbench.status = BROKEN
    desk.show()
    card = desk.page.toolchain
    assert "no module named torch" in card.banner.text
    assert card.install.text() == "Install again"
    card.install.click()
    desk.qtbot.waitUntil(desk.page.form.export.isEnabled)
    kinds = [call[0] for call in desk.workbench.calls if call[0] in ("remove", "install")]
    assert kinds == ["remove", "install"]


def test_a_wrong_setting_is_not_for_an_installation_to_mend(desk: Desk) -> None:
    desk.workbench.status = WRONG
    desk.show()
    card = desk.page.toolchain
    assert "The setting toolchain_python names /gone/python" in card.banner.text
    assert not card.install.isVisible()
    desk.exports.install_toolchain()
    assert desk.workbench.said("install") == []
    desk.workbench.status = USABLE
    card.check.click()
    desk.qtbot.waitUntil(desk.page.form.export.isEnabled)


def test_a_bug_in_an_installation_ends_it(desk: Desk) -> None:
    desk.workbench.status = MISSING
    desk.workbench.install_script = [ZeroDivisionError("by zero")]
    desk.show()
    with desk.qtbot.captureExceptions() as caught:
        desk.page.toolchain.install.click()
        desk.qtbot.waitUntil(lambda: len(caught) == 1)
    assert not desk.exports.installing
    assert desk.page.toolchain.banner.text == "Something unexpected happened: ZeroDivisionError: by zero"


def test_a_toolchain_installed_elsewhere_meanwhile_is_found(desk: Desk) -> None:
    desk.workbench.status = MISSING
    desk.show()
    assert desk.page.toolchain.isVisible()
    desk.workbench.status = USABLE
    desk.page.show_entry(entry())
    desk.qtbot.waitUntil(desk.page.form.export.isEnabled)
    assert desk.page.form.isVisible()
