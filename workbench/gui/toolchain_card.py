"""The export toolchain where it is missing: what it is, installing it, and what is wrong with it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QProgressBar, QWidget

from workbench.gui.export_form import INDENT_PX
from workbench.gui.export_outcome import error_text
from workbench.gui.export_progress import LogView, give_name
from workbench.gui.export_state import InstallState
from workbench.gui.exports import Exports
from workbench.gui.language import message_of, tr
from workbench.gui.widgets.basic import Banner, Button, ElidedLabel, Label, Panel, column, row
from workbench.gui.widgets.theme import SPACE, mark
from workbench.units import clock

if TYPE_CHECKING:
    from workbench.exporting.toolchains import ToolchainStatus

__all__ = ["ToolchainCard"]


def step_text(step: str) -> str:
    """What an installation does, as a heading."""
    texts = {
        "remove": tr("Removing what does not work"),
        "environment": tr("Making an environment of its own"),
        "torch": tr("Installing PyTorch"),
        "packages": tr("Installing the other packages"),
        "probe": tr("Checking that it works"),
    }
    return texts.get(step, tr("Beginning"))


class ToolchainCard(Panel):
    """Stands in the place of the form until there is a toolchain. Nothing is downloaded before Install is pressed."""

    def __init__(self, exports: Exports) -> None:
        super().__init__()
        self._exports = exports
        self._heading = Label(role="heading")
        self._what = Label(wrap=True)
        self._cost = Label(tone="muted", wrap=True)
        self.cpu_build = QCheckBox()
        self._cpu_help = Label(role="small", tone="muted", wrap=True)
        self._cpu_help.setContentsMargins(INDENT_PX, 0, 0, 0)
        self.banner = Banner(closable=False)
        self.install = Button(role="primary")
        self.check = Button(icon="refresh")
        self._offer = QWidget()
        offer = column(self._what, self._cost, space=SPACE.medium)
        offer.addSpacing(SPACE.tight)
        offer.addLayout(column(self.cpu_build, self._cpu_help, space=SPACE.hair))
        offer.addSpacing(SPACE.tight)
        self._offer.setLayout(offer)

        self._step = Label()
        self.elapsed = Label(tone="muted")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self.line = ElidedLabel(role="small", tone="muted", mode=Qt.TextElideMode.ElideRight)
        self._running = QWidget()
        running = column(space=SPACE.small)
        running.addLayout(row(self._step, 1, self.elapsed))
        running.addWidget(self._bar)
        running.addWidget(self.line)
        self._running.setLayout(running)

        self.cancel = Button(icon="stop")
        self.log = LogView()
        card = QWidget()
        mark(card, role="card")
        inside = column(self._heading, self.banner, self._offer, self._running, space=SPACE.medium)
        inside.addLayout(row(self.install, self.check, self.cancel, 1, self.log.toggle))
        inside.addWidget(self.log)
        inside.setContentsMargins(SPACE.large, SPACE.large, SPACE.large, SPACE.large)
        card.setLayout(inside)
        self.setLayout(column(card))

        self.install.clicked.connect(self._install)
        self.check.clicked.connect(exports.check_toolchain)
        self.cancel.clicked.connect(exports.cancel_install)
        self.retranslate()

    def retranslate(self) -> None:
        self._heading.setText(tr("The export toolchain"))
        self._what.setText(
            tr(
                "Exporting needs PyTorch, Transformers and Optimum. They are installed once, "
                "in an environment of their own, apart from this app."
            )
        )
        self._cost.setText(
            tr(
                "About 300 MB are downloaded from your package index (PyPI, unless pip is set to another) and 1.5 GB "
                "of disk are needed. Nothing is downloaded before you press the button."
            )
        )
        self.cpu_build.setText(tr("Take PyTorch without CUDA, from download.pytorch.org"))
        self._cpu_help.setText(
            tr("PyPI has PyTorch for Linux with CUDA only, which is several times as large and makes no export faster.")
        )
        self._bar.setAccessibleName(tr("Installing the export toolchain"))
        self.check.setText(tr("Check again"))
        self.show_now()

    def show_now(self) -> None:
        """Show what the toolchain and its installation are now."""
        state, status = self._exports.install_state, self._exports.toolchain_status
        running = state is not None and state.running
        installable = self._exports.installable
        self._offer.setVisible(installable and not running)
        for part in (self.cpu_build, self._cpu_help):
            part.setVisible(sys.platform == "linux")
        self._running.setVisible(running)
        self.cancel.setVisible(running)
        self.install.setVisible(installable and not running)
        broken = bool(status and status.problem and status.problem.code != "toolchain-missing")
        self.check.setVisible(not running and broken and not (state and state.error))
        self._show_banner(state, status, running)
        self.install.setText(self._install_text(state, status))
        said = state is not None and state.log.count > 0
        self.log.toggle.setVisible(said)
        self.log.setVisible(said and self.log.toggle.isChecked())
        if state:
            self._show_state(state)

    def _show_state(self, state: InstallState) -> None:
        self.log.follow(state.log)
        self._step.setText(tr("Stopping…") if state.cancelling else step_text(state.step))
        self.elapsed.setText(clock(state.elapsed_s))
        give_name(self.elapsed, tr("Elapsed: {time}", time=clock(state.elapsed_s)))
        self.line.setText(state.line or " ")
        self._bar.setRange(0, 0 if state.running else 1)
        self.cancel.setText(tr("Cancel"))
        self.cancel.setEnabled(not state.cancelling)

    def _show_banner(self, state: InstallState | None, status: ToolchainStatus | None, running: bool) -> None:
        if running:
            self.banner.clear()
        elif state and state.error:
            self.banner.tell(error_text(state.error), tone="danger")
        elif state and state.cancelled:
            self.banner.tell(tr("The installation was stopped. What is there already is kept."))
        elif status and status.problem and status.problem.code != "toolchain-missing":
            self.banner.tell(message_of(status.problem), tone="warning" if status.managed else "danger")
        else:
            self.banner.clear()

    def _install_text(self, state: InstallState | None, status: ToolchainStatus | None) -> str:
        if state and state.error:
            return tr("Try again")
        code = status.problem.code if status and status.problem else ""
        if code == "toolchain-unfinished":
            return tr("Continue the installation")
        return tr("Install again") if code == "toolchain-broken" else tr("Install")

    def _install(self) -> None:
        wants_cpu = self.cpu_build.isVisibleTo(self) and self.cpu_build.isChecked()
        self._exports.install_toolchain("cpu" if wants_cpu else "as-configured")
