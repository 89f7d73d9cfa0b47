"""This machine: what the app found on it, what is missing, and the cure for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QShowEvent
from PySide6.QtWidgets import QProgressBar, QSizePolicy, QWidget

from workbench.errors import WorkbenchError
from workbench.gui.background import Background, Job
from workbench.gui.core import Core
from workbench.gui.language import message_of, tr
from workbench.gui.provider_names import provider_name
from workbench.gui.side_page import SidePage
from workbench.gui.widgets.basic import Banner, Button, IconLabel, Label, column, line, row
from workbench.gui.widgets.redone import Redone
from workbench.gui.widgets.theme import SPACE, mark

if TYPE_CHECKING:
    from workbench.doctor.diagnosis import Check, Diagnosis

__all__ = ["DoctorPage", "diagnosis_text"]

COLUMN_PX = 760
# In this order; areas that nobody named here come after them.
AREAS = ("provider", "cuda", "device", "onnxruntime", "engine", "toolchain", "audio", "folder", "version")
COMMAND = re.compile(r"pip (?:un)?install(?: (?:'[^']*'|[\w.\[\]=<>~+-]+))+", re.ASCII)
ICONS = {"ok": ("check", "success"), "missing": ("info", "warning"), "broken": ("error", "danger")}


class DoctorPage(SidePage):
    """Looks when it is shown first, and when it is asked to."""

    def __init__(self, core: Core, background: Background) -> None:
        super().__init__()
        self._core = core
        self._background = background
        self._job: Job | None = None
        self.diagnosis: Diagnosis | None = None
        self._title = Label(role="title")
        self._intro = Label(tone="muted", wrap=True)
        self.refresh = Button(icon="refresh", role="quiet")
        self.copy = Button(icon="copy", role="quiet")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 0)
        kept = self._bar.sizePolicy()
        kept.setRetainSizeWhenHidden(True)
        self._bar.setSizePolicy(kept)
        self.banner = Banner()
        self._summary_icon = IconLabel("check", "success")
        self.summary = Label(role="heading", wrap=True)
        self.summary.setAlignment(Qt.AlignmentFlag.AlignTop)  # beside the icon, also where there is room below
        self._summary_line = QWidget()
        summary = row(space=SPACE.small)
        summary.addWidget(self._summary_icon, 0, Qt.AlignmentFlag.AlignTop)
        summary.addWidget(self.summary, 1)
        self._summary_line.setLayout(summary)
        self.groups = Redone()
        below = (self._bar, self.banner, self._summary_line, self.groups)
        self._build(self._title, self._intro, (self.refresh, self.copy), below, COLUMN_PX)
        self.refresh.clicked.connect(self.look)
        self.copy.clicked.connect(self._copy)
        self.retranslate()

    def retranslate(self) -> None:
        self.back.describe(tr("Back"))
        self._title.setText(tr("This machine"))
        self._intro.setText(tr("What the app needs, what it found, and how to mend what is missing"))
        self.refresh.describe(tr("Look again"))
        self.copy.describe(tr("Copy the report"))
        self._bar.setAccessibleName(tr("Looking at this machine"))
        self._show_diagnosis()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self.diagnosis is None:
            self.look()

    def look(self) -> None:
        """Look at everything in the background; takes some seconds."""
        if self._job:
            return

        def done(diagnosis: Diagnosis) -> None:
            self._ended()
            self.diagnosis = diagnosis
            self.banner.clear()
            self._show_diagnosis()

        def failed(error: Exception) -> None:
            self._ended()
            if not isinstance(error, WorkbenchError):
                raise error
            self.banner.tell(partial(message_of, error), tone="danger")

        self._job = self._background.start(
            lambda job: self._core.workbench.doctor(job.cancellation), done=done, failed=failed, cancelled=self._ended
        )
        self._show_diagnosis()

    def _ended(self) -> None:
        self._job = None
        self._show_diagnosis()

    def _show_diagnosis(self) -> None:
        self._bar.setVisible(self._job is not None)
        self.refresh.setEnabled(self._job is None)
        self.copy.setEnabled(self.diagnosis is not None)
        self._summary_line.setVisible(self.diagnosis is not None or self._job is not None)
        if self.diagnosis is None:
            self._summary_icon.set_icon("machine", "muted")
            self.summary.setText(tr("Looking… each provider is made to run a small graph.") if self._job else "")
            return
        checks = self.diagnosis.checks
        self._tell_summary(checks)
        layout = column(space=SPACE.medium)
        for area, found in _grouped(checks):
            layout.addWidget(_group(area_title(area), found, self._put))
        self.groups.put(layout)

    def _tell_summary(self, checks: Sequence[Check]) -> None:
        broken = sum(check.state == "broken" for check in checks)
        missing = sum(check.state == "missing" for check in checks)
        if broken:
            self._summary_icon.set_icon("error", "danger")
            self.summary.setText(tr("Things that keep the app from its work: {count}", count=broken))
        elif missing:
            self._summary_icon.set_icon("check", "success")
            self.summary.setText(
                tr("All that is needed works. Optional parts that are not there: {count}", count=missing)
            )
        else:
            self._summary_icon.set_icon("check", "success")
            self.summary.setText(tr("Everything works."))

    def _put(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self.banner.tell(lambda: tr("Copied: {what}", what=text))

    def _copy(self) -> None:
        if self.diagnosis:
            QGuiApplication.clipboard().setText(diagnosis_text(self.diagnosis))
            self.banner.tell(lambda: tr("The report was copied."))


def area_title(area: str) -> str:
    titles = {
        "provider": tr("Execution providers"),
        "cuda": "CUDA",
        "device": tr("Devices"),
        "onnxruntime": "onnxruntime",
        "engine": tr("Engine"),
        "toolchain": tr("Export toolchain"),
        "audio": tr("Microphones and loudspeakers"),
        "folder": tr("Folders"),
        "version": tr("Versions"),
    }
    return titles.get(area, area)


def state_text(state: str) -> str:
    return {"ok": tr("works"), "missing": tr("not there"), "broken": tr("broken")}.get(state, state)


def diagnosis_text(diagnosis: Diagnosis) -> str:
    """Everything as plain text, for a report."""
    lines = []
    for area, checks in _grouped(diagnosis.checks):
        lines.append(area_title(area))
        for check in checks:
            lines.append(f"  {state_text(check.state)}: {name_of(check)}: {finding_text(check)}")
            if cure := cure_text(check):
                lines.append(f"    {cure}")
    return "\n".join(lines)


def name_of(check: Check) -> str:
    if check.area in ("provider", "device"):
        return provider_name(check.name)
    titles = {
        "wheel": tr("Installed wheel"),
        "engine": tr("Engine"),
        "threads": tr("Threads"),
        "driver": tr("Driver"),
        "libraries": tr("Libraries"),
        "settings": tr("Settings"),
        "data": tr("Data"),
        "artifacts": tr("Exported models"),
        "hub cache": tr("Hugging Face cache"),
        "workbench": tr("Offline AI Workbench"),
        "python": "Python",
    }
    return titles.get(check.name, check.name)


def finding_text(check: Check) -> str:
    """What was found, in the window's language where the core has it as a code."""
    return message_of(check.notice) if check.notice else check.detail


def cure_text(check: Check) -> str:
    return message_of(check.cure_notice) if check.cure_notice else check.cure


def commands_in(cure: str) -> list[str]:
    """The commands that a cure tells to run."""
    return [found.rstrip(".") for found in COMMAND.findall(cure)]  # a sentence may end with it


def _grouped(checks: Sequence[Check]) -> list[tuple[str, list[Check]]]:
    groups: dict[str, list[Check]] = {}
    for check in checks:
        groups.setdefault(check.area, []).append(check)
    return sorted(groups.items(), key=lambda item: AREAS.index(item[0]) if item[0] in AREAS else len(AREAS))


def _group(title: str, checks: Sequence[Check], put: Callable[[str], None]) -> QWidget:
    card = QWidget()
    mark(card, role="card")
    layout = column(Label(title, role="heading"), space=SPACE.small)
    for number, check in enumerate(checks):
        if number:
            layout.addWidget(line())
        layout.addWidget(_Finding(check, title, put))
    layout.setContentsMargins(SPACE.large, SPACE.medium, SPACE.large, SPACE.medium)
    card.setLayout(layout)
    return card


class _Finding(QWidget):
    """One check: its state, its name, what was found, and the cure with a button that copies it."""

    def __init__(self, check: Check, title: str, put: Callable[[str], None]) -> None:
        super().__init__()
        name, found = name_of(check), finding_text(check)
        icon, role = ICONS.get(check.state, ICONS["ok"])
        if check.state == "missing" and not check.cure:  # what nobody can mend is nothing to worry about
            icon, role = "minus", "muted"
        detail = Label(found, tone="muted", wrap=True)
        detail.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        said = column(detail, space=0)
        if name.casefold() != title.casefold():  # once is enough
            said.insertWidget(0, Label(name))
        if check.cure:
            said.addSpacing(SPACE.tight)
            said.addWidget(_cure(cure_text(check), put))
        layout = row(space=SPACE.small)
        layout.addWidget(IconLabel(icon, role), 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(said, 1)
        self.setLayout(layout)
        self.setAccessibleName(f"{name}: {state_text(check.state)}. {found}")


def _cure(cure: str, put: Callable[[str], None]) -> QWidget:
    box = QWidget()
    mark(box, role="code")
    found = commands_in(cure)
    bare = cure.rstrip(".。")
    # The end of a sentence would look like the end of the command.
    text = Label(bare if found and bare.endswith(found[-1]) else cure, wrap=True)
    text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    layout = row(space=SPACE.small)
    layout.addWidget(text, 1)
    if found:
        commands = "\n".join(found)
        copy = Button(icon="copy", role="bare", tint="muted")
        copy.describe(tr("Copy: {what}", what=commands))
        copy.clicked.connect(lambda: put(commands))
        layout.addWidget(copy, 0, Qt.AlignmentFlag.AlignTop)
    layout.setContentsMargins(SPACE.medium, SPACE.small, SPACE.small, SPACE.small)
    box.setLayout(layout)
    return box
