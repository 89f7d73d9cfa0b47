"""What to export: the task, the precisions, what it will need, and the button that begins it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QWidget

from exporters.protocol import PRECISIONS
from workbench.errors import WorkbenchError
from workbench.gui.export_samples import SamplesChoice
from workbench.gui.exports import Exports
from workbench.gui.language import message_of, task_title, tr
from workbench.gui.widgets.basic import Banner, Button, Choice, Label, Panel, column, line, row
from workbench.gui.widgets.theme import SPACE, mark
from workbench.library.entries import Entry
from workbench.units import size

if TYPE_CHECKING:
    from workbench.planning import ExportPlan

__all__ = ["ExportForm"]

DEFAULT = ("fp32", "int8")
EXPORTABLE = tuple(item.name for item in PRECISIONS.values() if item.exportable)
INDENT_PX = 26  # the indicator of a check box and the gap beside it
COMBO_PX = 260


def precision_help(name: str) -> str:
    texts = {
        "fp32": tr("Exact, and the largest"),
        "fp16": tr("Half the size; no faster on a processor"),
        "int8": tr("A quarter of the size and faster; small differences"),
        "int8-static": tr("A quarter of the size and fastest for convolutions; its ranges are set on samples"),
        "q4": tr("A fifth of the size; writes fastest, with more differences"),
        "q4f16": tr("As q4, for GPUs; slower on a processor"),
    }
    return texts.get(name, "")


class _PrecisionRow(Panel):
    """One precision: its check box, whether it is there already, and a line of help."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self.box = QCheckBox(name)
        self.there = Label(role="small", tone="success")
        self.help = Label(role="small", tone="muted", wrap=True)
        self.help.setContentsMargins(INDENT_PX, 0, 0, 0)
        self._is_there = False
        self._refused = ""
        layout = column(space=SPACE.hair)
        layout.addLayout(row(self.box, self.there, 1, space=SPACE.medium))
        layout.addWidget(self.help)
        self.setLayout(layout)
        self.retranslate()

    def retranslate(self) -> None:
        self.help.setText(self._refused or precision_help(self._name))
        self.there.setText(tr("Already there") if self._is_there else "")
        self.box.setAccessibleName(self._name)
        self.box.setAccessibleDescription(" ".join((self.help.text(), self.there.text())).strip())

    def set_refused(self, reason: str) -> None:
        """Why this precision makes no sense for the model; empty where it does."""
        self._refused = reason
        self.box.setEnabled(not reason)
        self.retranslate()

    def set_there(self, there: bool) -> None:
        self._is_there = there
        self.retranslate()


class ExportForm(Panel):
    """Emits ``chosen`` when the user presses Export."""

    chosen = Signal()

    def __init__(self, exports: Exports) -> None:
        super().__init__()
        self._exports = exports
        self._entry: Entry | None = None
        self._plan: ExportPlan | None = None
        self._problem: WorkbenchError | None = None
        self._toolchain_usable = False

        self._task_heading = Label(role="heading")
        self.combo = Choice()
        self.combo.setMinimumWidth(COMBO_PX)
        self._task_heading.setBuddy(self.combo)
        self._only_task = Label()
        tasks = QHBoxLayout()
        tasks.addWidget(self.combo)
        tasks.addWidget(self._only_task)
        tasks.addStretch(1)

        self._precision_heading = Label(role="heading")
        self.rows = {name: _PrecisionRow(name) for name in EXPORTABLE}
        self._needs = Label(role="small", tone="muted", wrap=True)
        card = QWidget()
        mark(card, role="card")
        self._rule = line()
        self.samples = SamplesChoice()
        inside = column(*self.rows.values(), line(), self.samples, self._rule, self._needs, space=SPACE.medium)
        inside.setContentsMargins(SPACE.large, SPACE.large, SPACE.large, SPACE.large)
        card.setLayout(inside)

        self.pickle_banner = Banner(closable=False)
        self.trust = QCheckBox()
        self.problem_banner = Banner(closable=False)
        self.export = Button(icon="export", role="primary")
        self._looking = Label(tone="muted")
        self._looking.hide()

        layout = column(space=SPACE.small)
        layout.addWidget(self._task_heading)
        layout.addLayout(tasks)
        layout.addSpacing(SPACE.medium)
        layout.addWidget(self._precision_heading)
        layout.addWidget(card)
        layout.addSpacing(SPACE.small)
        for part in (self.pickle_banner, self.trust, self.problem_banner):
            layout.addWidget(part)
        layout.addSpacing(SPACE.small)
        layout.addLayout(row(self.export, self._looking, 1, space=SPACE.medium))
        self.setLayout(layout)

        self.combo.activated.connect(self._task_chosen)
        for item in self.rows.values():
            item.box.clicked.connect(self._replan)
        self.trust.clicked.connect(self._replan)
        self.samples.changed.connect(self._replan)
        self.export.clicked.connect(self.chosen)
        self.retranslate()

    # --- what is chosen -----------------------------------------------------------------------------------------

    @property
    def task(self) -> str:
        return str(self.combo.currentData() or "")

    @property
    def precisions(self) -> tuple[str, ...]:
        return tuple(name for name, item in self.rows.items() if item.box.isChecked())

    @property
    def allow_pickle(self) -> bool:
        return self._asks_for_trust and self.trust.isChecked()

    @property
    def _asks_for_trust(self) -> bool:
        return self._entry is not None and self._entry.export.answer == "confirm"

    # --- what is shown ------------------------------------------------------------------------------------------

    def show_entry(self, entry: Entry) -> None:
        """Show a model. What was chosen for it stays, unless other precisions are there now."""
        before, self._entry = self._entry, entry
        if before is None or before.name != entry.name or before.export != entry.export:
            self._plan = self._problem = None
            self.trust.setChecked(False)
            self.samples.choose(None)
            self._fill_tasks(entry)
            self._suggest()
        elif before.precisions != entry.precisions:
            self._suggest()
        self._show_trust()
        self._replan()

    def set_toolchain(self, *, usable: bool) -> None:
        """Without one the form is complete, but nothing can begin; it is shown while one is looked for."""
        self._toolchain_usable = usable
        self._looking.setVisible(not usable)
        self._enable()

    def replan(self) -> None:
        """Ask again what the export needs; disks fill and empty."""
        if self._entry:
            self._replan()

    def retranslate(self) -> None:
        self._task_heading.setText(tr("Task"))
        for index in range(self.combo.count()):
            self.combo.setItemText(index, task_title(self.combo.itemData(index)))
        self.combo.setAccessibleName(tr("Task"))
        self._only_task.setText(task_title(self.task) if self.task else "")
        self._precision_heading.setText(tr("Precisions"))
        self.trust.setText(tr("I trust who made this model: allow loading pickles"))
        self.export.setText(tr("Export"))
        self._looking.setText(tr("Looking for the export toolchain…"))
        self._show_trust()
        self._show_needs()

    def _fill_tasks(self, entry: Entry) -> None:
        self.combo.clear()
        for task in entry.export.tasks or ((entry.task,) if entry.task else ()):
            self.combo.addItem(task_title(task), task)
        self.combo.setCurrentIndex(max(0, self.combo.findData(entry.task)))
        several = self.combo.count() > 1
        self.combo.setVisible(several)
        self._only_task.setVisible(not several)
        self._only_task.setText(task_title(self.task) if self.task else "")

    def _task_chosen(self) -> None:
        self._suggest()
        self._replan()

    def _suggest(self) -> None:
        """Mark what is there, and choose of the usual precisions those that are not."""
        there = self._entry.precisions.get(self.task, ()) if self._entry else ()
        for name, item in self.rows.items():
            item.setVisible(PRECISIONS[name].made_for(self.task))
            item.set_there(name in there)
            item.set_refused("")
            item.box.setChecked(name in DEFAULT and name not in there)
        self.samples.set_task(self.task)

    def _show_trust(self) -> None:
        entry = self._entry
        self.trust.setVisible(self._asks_for_trust)
        if entry and self._asks_for_trust and entry.export.reason:
            self.pickle_banner.tell(message_of(entry.export.reason), tone="warning")
        else:
            self.pickle_banner.clear()

    def _replan(self) -> None:
        if self._entry is None:
            return
        if self._blocked:
            self._plan = self._problem = None
            self._show_needs()
            return
        # What is known stays until the answer comes, so that nothing flickers and the focus stays where it is.
        self._exports.plan(
            self._entry.name,
            self.task,
            self.precisions,
            self.allow_pickle,
            self._planned,
            self._not_planned,
            source=self.samples.source,
        )
        self._enable()

    @property
    def _blocked(self) -> bool:
        """Whether something is missing that only the user can give."""
        return not self.precisions or (self._asks_for_trust and not self.trust.isChecked())

    def _planned(self, plan: ExportPlan) -> None:
        if self._refuses(plan):
            self._replan()
        elif not self._blocked:
            self._plan, self._problem = plan, None
            self.samples.show_skipped(plan.skipped)
            self._show_needs()

    def _refuses(self, plan: ExportPlan) -> bool:
        """Show why some precisions make no sense for this model, which only its files tell; whether one was chosen.

        In the place of such a one those are chosen that are suggested for the model.
        """
        refused = False
        for offer in plan.offers:
            item = self.rows[offer.precision]
            item.set_refused(message_of(offer.reason) if offer.reason else "")
            refused |= offer.reason is not None and item.box.isChecked()
        for offer in plan.offers:
            box = self.rows[offer.precision].box
            if offer.reason:
                box.setChecked(False)
            elif refused and offer.suggested:
                box.setChecked(True)
        return refused

    def _not_planned(self, error: WorkbenchError) -> None:
        if not self._blocked:
            self._plan, self._problem = None, error
            self._show_needs()

    def _show_needs(self) -> None:
        tone = "muted"
        if not self.precisions:
            text = tr("Choose at least one precision.")
        elif self._plan:
            need = self._plan.estimate
            text = tr(
                "Needs up to {disk} of disk while it works, of which {kept} stay, and about {memory} of memory.",
                disk=size(need.disk_bytes),
                kept=size(need.published_bytes),
                memory=size(need.memory_bytes),
            )
            if _memory_is_short(need.memory_bytes):
                text, tone = " ".join((text, tr("Less memory than that is free now."))), "warning"
        elif self._blocked:
            text = tr("What it needs is worked out once pickles are allowed.")
        elif self._problem:
            text = ""  # the banner has more to say
        else:
            text = tr("Working out what it needs…")
        self._needs.setText(text)
        for part in (self._rule, self._needs):
            part.setVisible(bool(text))
        mark(self._needs, tone=tone)
        if self._problem:
            self.problem_banner.tell(
                message_of(self._problem), tone="danger", action=tr("Check again"), receiver=self.replan
            )
        else:
            self.problem_banner.clear()
        self._enable()

    def _enable(self) -> None:
        self.export.setEnabled(self._toolchain_usable and not self._blocked and self._plan is not None)


def _memory_is_short(needed_bytes: int) -> bool:
    import psutil

    return needed_bytes > int(psutil.virtual_memory().available)
