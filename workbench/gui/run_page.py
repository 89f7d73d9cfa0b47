"""The page of a model that runs here: what it is to do, its input on one side, its answers on the other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QSplitter, QWidget

from workbench.errors import WorkbenchError
from workbench.gui.background import Background
from workbench.gui.chat_panel import ChatPanel
from workbench.gui.chat_ways import CHAT_TASK, ChatWays
from workbench.gui.core import Core
from workbench.gui.file_previews import FilePreviews
from workbench.gui.input_panel import InputPanel
from workbench.gui.intake import Item, Kind
from workbench.gui.kept_sounds import KeptSounds
from workbench.gui.language import message_of, task_title, tr
from workbench.gui.provider_names import PROVIDER_NAMES
from workbench.gui.receipts import Receipts
from workbench.gui.result_panel import ResultPanel
from workbench.gui.runs import Order, Runs
from workbench.gui.sounds import Sounds
from workbench.gui.widgets.basic import Button, Choice, ElidedLabel, Panel, column, line, row
from workbench.gui.widgets.theme import SPACE, mark
from workbench.library.entries import Entry
from workbench.settings import PROVIDERS
from workbench.tasks.catalog import TASKS, TaskInfo

if TYPE_CHECKING:
    from workbench.gui.views.base import Context

__all__ = ["RunPage"]

# Below this width input and answer stand one above the other.
SIDE_BY_SIDE_PX = 760
AFTER_CHOICES = 4  # the place of the room behind them in their row
# Below this one the name of the model stands above the choices.
NAME_BESIDE_PX = 600


class RunPage(Panel):
    """Shows one entry that is ready; the model and the input stay when it is shown again."""

    export_requested = Signal(object)  # Entry
    receipt_requested = Signal(object, str)  # Entry, task

    def __init__(
        self,
        core: Core,
        background: Background,
        given: InputPanel,
        chat: ChatPanel,
        receipts: Receipts,
        provider: str,
    ) -> None:
        """``given`` and ``chat`` become parts of it; the chat is to take its orders from :meth:`chat_order`."""
        super().__init__()
        mark(self, role="page")
        self._receipts = receipts
        self._ran: tuple[str, str] | None = None  # model and task of the answers shown
        self.entry: Entry | None = None
        self._tasks: dict[str, str] = {}  # what was chosen, by the entry's name
        self._precisions: dict[tuple[str, str], str | None] = {}  # what was chosen, by the entry's name and the task
        self._files = FilePreviews(core, background)
        self.runs = Runs(core, background, self)
        self.sounds = Sounds(core, background, self)
        self._kept = KeptSounds(background, self._sound_failed)
        self._name = ElidedLabel(role="title", mode=Qt.TextElideMode.ElideMiddle)
        self._owner = ElidedLabel(tone="muted")
        self.task = Choice()
        self.precision = Choice()
        self.provider = Choice()
        self._export = Button(icon="export", role="quiet", tint="muted")
        self._export.clicked.connect(self._ask_export)
        self.receipt = Button(icon="receipt", role="quiet", tint="muted")
        self.receipt.clicked.connect(self._ask_receipt)
        self.receipt.hide()
        self.input = given
        self.result = ResultPanel(background, self._context, self._files.overlay)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.addWidget(self.input)
        self.splitter.addWidget(self.result)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(1)
        self.splitter.setStretchFactor(0, 4)
        self.splitter.setStretchFactor(1, 5)
        self.splitter.setSizes([440, 520])
        self._beside = QWidget()
        self._beside.setLayout(row(self.receipt, self._export, space=SPACE.small))
        self._names = row(space=SPACE.small)
        self._names.addLayout(column(self._name, self._owner, space=0), 1)
        self._choices = row(1, self.task, self.precision, self.provider, 0, self._beside, space=SPACE.small)
        head = self._head = row(space=SPACE.small)
        head.addLayout(self._names, 1)
        head.addLayout(self._choices)
        head.setContentsMargins(SPACE.large, SPACE.medium, SPACE.large, SPACE.medium)
        above = column(space=0)
        above.addLayout(head)
        above.addWidget(line())
        self._above = QWidget()
        self._above.setLayout(above)
        layout = column(self._above, space=0)
        self.ways = ChatWays(core, background, self.splitter, chat)
        self.splitter.setMinimumSize(0, 0)  # it took what its parts wanted side by side while it had no parent
        layout.addWidget(self.ways, 1)
        self.setLayout(layout)

        for value in PROVIDERS:
            self.provider.addItem("", value)
        self.provider.setCurrentIndex(max(0, self.provider.findData(provider)))
        self.task.activated.connect(self._task_chosen)
        self.precision.activated.connect(self._precision_chosen)
        self.input.run_requested.connect(self.run)
        self.input.stop_requested.connect(self.runs.cancel)
        runs = self.runs
        runs.started.connect(self._began)
        runs.dropped.connect(lambda: self.input.set_running(False))
        runs.loaded.connect(self.result.note_loaded)
        runs.item_done.connect(self.result.add_item)
        runs.partial.connect(self.result.add_partial)
        runs.progress.connect(self.result.note_progress)
        runs.finished.connect(partial(self._ended, self.result.finish))
        runs.failed.connect(partial(self._ended, self._failed))
        runs.cancelled.connect(partial(self._ended, self.result.stop))
        self.sounds.failed.connect(self._sound_failed)
        receipts.changed.connect(self._receipt_changed)
        self.result.where.receipt_requested.connect(self._ask_receipt)
        self.ways.panel.where.receipt_requested.connect(self._ask_receipt)
        self.ways.panel.chat.answered.connect(lambda report: self._tell_chat())
        self.retranslate()

    @property
    def parts(self) -> tuple[QWidget, ...]:
        """What wears a style sheet of its own, so that a change of theme is made in short steps."""
        return (self._above, self.input, self.result, *self.ways.parts)

    def minimumSizeHint(self) -> QSize:
        return QSize(420, 380)

    def retranslate(self) -> None:
        self.task.setAccessibleName(tr("Task"))
        self.task.setToolTip(tr("What the model is to do"))
        self.precision.setAccessibleName(tr("Precision"))
        self.precision.setToolTip(tr("How exactly the weights are stored"))
        self.provider.setAccessibleName(tr("Execution provider"))
        self.provider.setToolTip(tr("Where the model is to run"))
        self._export.describe(tr("Export this model in more precisions"))
        self.receipt.describe(tr("Receipt: what each precision does to the answers and the speed"))
        for index in range(self.provider.count()):
            value = self.provider.itemData(index)
            self.provider.setItemText(index, tr("Automatic") if value == "auto" else PROVIDER_NAMES[value])
        if self.entry:
            self._show_choices(self.entry)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        wide = self.width() >= SIDE_BY_SIDE_PX
        orientation = Qt.Orientation.Horizontal if wide else Qt.Orientation.Vertical
        if orientation != self.splitter.orientation():
            self.splitter.setOrientation(orientation)
            # One above the other, the answer needs more of the height: pictures keep their shape.
            self.splitter.setSizes([440, 520] if wide else [400, 600])
        beside = self.width() >= NAME_BESIDE_PX
        self._head.setDirection(QBoxLayout.Direction.LeftToRight if beside else QBoxLayout.Direction.TopToBottom)
        holder, other = (self._choices, self._names) if beside else (self._names, self._choices)
        for place, stretch in ((0, beside), (AFTER_CHOICES, not beside)):  # below the name they begin where it begins
            self._choices.setStretch(place, int(stretch))
        if holder.indexOf(self._beside) < 0:
            other.removeWidget(self._beside)
            holder.addWidget(self._beside, 0, Qt.AlignmentFlag.AlignVCenter)

    @property
    def kind(self) -> str | None:
        """The kind of files that the chosen task wants first: text, image or audio."""
        return self._task_info.modality if self._task_info else None

    @property
    def running(self) -> bool:
        """Whether a model works for this page."""
        return self.runs.running or self.ways.panel.chat.running

    @property
    def takes_text(self) -> bool:
        """Whether a text typed now would be the input."""
        return self.ways.chats or self.input.takes_text

    def insert_text(self, text: str) -> None:
        """A text that was pasted or dropped."""
        if self.ways.chats:
            self.ways.panel.composer.insert(text)
        else:
            self.input.insert_text(text)

    def show_entry(self, entry: Entry) -> None:
        """Show a model; another one than before has no answers yet."""
        same = self.entry is not None and self.entry.name == entry.name
        if same and self.entry == entry:
            return
        self.entry = entry
        self._name.setText(entry.short_name)
        self._owner.setText(entry.owner)
        self._owner.setVisible(bool(entry.owner))
        self._export.setVisible(entry.export.possible)
        self._show_choices(entry)
        if not same:
            self.runs.drop()
            self.sounds.stop()
            self.result.clear()
            self.result.retranslate()
        self._apply_task()

    def give(self, items: Sequence[Item], kind: Kind) -> bool:
        """Take files of this kind as the input, with the task of the model that wants them, and run. False where no
        task of the model takes them. Texts become part of the message where there is a chat."""
        if kind == "text" and self.ways.chats:
            self.insert_text("\n\n".join(str(item.value) for item in items))
            return True
        task = self._task_for(kind)
        if task is None:
            return False
        self._choose_task(task)
        self.input.set_items(items, kind)
        if TASKS[task].input != "fields" or TASKS[task].gathers or not self.input.missing():
            self.run()
        return True

    def run(self) -> None:
        """Run what was given."""
        inputs, titles = self.input.inputs()
        task = self._task_info
        if self.entry is None or task is None:
            return
        if missing := self.input.titles_missing():
            self.input.banner.tell(lambda: tr("“{field}” is still empty.", field=missing[0]()), tone="warning")
            return
        if not inputs:
            if task.gathers:
                self.input.banner.tell(lambda: tr("Give at least two sentences, one a line."))
            return
        order = Order(
            model=self.entry.name,
            task=task.id,
            precision=self.precision.currentData(),
            provider=self.provider.currentData(),
            inputs=inputs,
            titles=titles,
            params=self.input.params_given(),
        )
        self.runs.start(order)

    @property
    def _task_info(self) -> TaskInfo | None:
        return TASKS.get(self.task.currentData() or "")

    def _task_for(self, kind: Kind) -> str | None:
        """The task that takes this kind: the chosen one if it does."""
        now = self._task_info
        if now and _takes(now, kind):
            return now.id
        return next((task for task in (self.entry.tasks if self.entry else ()) if _takes(TASKS[task], kind)), None)

    def _choose_task(self, task: str) -> None:
        self.task.setCurrentIndex(self.task.findData(task))
        self._task_chosen()

    def _task_chosen(self) -> None:
        if self.entry:
            self._tasks[self.entry.name] = self.task.currentData()
            self._show_precisions(self.entry)
        self._apply_task()

    def _precision_chosen(self) -> None:
        if self.entry:
            self._precisions[self.entry.name, self.task.currentData() or ""] = self.precision.currentData()
            self._show_way(self.entry)

    def _apply_task(self) -> None:
        task = self._task_info
        if task:
            self.input.set_task(task)
        if self.entry:
            self._show_way(self.entry)
            self._show_receipt(self.entry)

    def _show_way(self, entry: Entry) -> None:
        task, precision = self.task.currentData(), self.precision.currentData()
        self.ways.show_model(entry.name, task, precision, self.provider.currentData())

    def chat_order(self, said: Any, params: dict[str, Any]) -> Order | None:
        """What to run for the next answer of a chat."""
        if self.entry is None or self._task_info is None:
            return None
        precision, provider = self.precision.currentData(), self.provider.currentData()
        return Order(self.entry.name, self._task_info.id, precision, provider, [said], [""], params, self.entry.title)

    def _show_choices(self, entry: Entry) -> None:
        chosen = self._tasks.get(entry.name)
        self.task.clear()
        for task in entry.tasks:
            self.task.addItem(task_title(task), task)
        self.task.setCurrentIndex(max(0, self.task.findData(chosen)))
        self.task.setEnabled(self.task.count() > 1)
        self._show_precisions(entry)

    def _show_precisions(self, entry: Entry) -> None:
        task = self.task.currentData() or ""
        names = entry.precisions.get(task, ())
        best = entry.recommended.get(task)
        self.precision.clear()
        if len(names) > 1:
            text = tr("Recommended ({precision})", precision=best) if best else tr("Best here")
            self.precision.addItem(text, None)
        for name in names:
            self.precision.addItem(name, name)
        chosen = self._precisions.get((entry.name, task))
        self.precision.setCurrentIndex(max(0, self.precision.findData(chosen) if chosen else 0))
        self.precision.setEnabled(self.precision.count() > 1)

    def _ask_export(self) -> None:
        if self.entry:
            self.export_requested.emit(self.entry)

    # --- receipts -----------------------------------------------------------------------------------------------

    def _show_receipt(self, entry: Entry) -> None:
        """What can run can be measured; a model that turns out not to is told by its run."""
        task = self.task.currentData() or ""
        if task:
            self._receipts.look(entry.name, task)
        self.receipt.setVisible(bool(task) and self._receipts.state(entry.name, task).measurable is not False)

    def _receipt_changed(self, name: str, task: str) -> None:
        if (name, task) == self._ran:
            newest = self._receipts.state(name, task).newest
            self.result.where.show_receipt(newest.receipt if newest else None)
        if self.entry and (name, task) == (self.entry.name, self.task.currentData()):
            self.receipt.setVisible(self._receipts.state(name, task).measurable is not False)
            self._tell_chat()

    def _tell_chat(self) -> None:
        """What the receipt of the model that chats says of it."""
        if self.entry and self.task.currentData() == CHAT_TASK:
            newest = self._receipts.state(self.entry.name, CHAT_TASK).newest
            self.ways.panel.where.show_receipt(newest.receipt if newest else None)

    def _ask_receipt(self) -> None:
        if self.entry:
            self.receipt_requested.emit(self.entry, self.task.currentData() or "")

    # --- a run --------------------------------------------------------------------------------------------------

    def _began(self, order: Order) -> None:
        self.input.set_running(True)
        self.input.banner.clear()
        self.result.begin(order, TASKS[order.task].input)
        self._ran = (order.model, order.task)
        self._receipt_changed(*self._ran)

    def _ended(self, receiver: Any, *args: Any) -> None:
        self.input.set_running(False)
        receiver(*args)

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, WorkbenchError):
            self.result.fail(lambda: tr("Something unexpected happened, which is a mistake in the app."))
            raise error
        self.result.fail(partial(message_of, error))

    def _sound_failed(self, error: Exception) -> None:
        if not isinstance(error, WorkbenchError):
            raise error
        self.result.banner.tell(partial(message_of, error), tone="warning")

    def _context(self, item: Any, kind: str) -> Context:
        from workbench.gui.views.base import Context

        files = self._files
        return Context(item, kind, files.picture, files.waveform, self.sounds, self._kept.keep)


def _takes(task: TaskInfo, kind: Kind) -> bool:
    """Whether files of this kind are an input of a task, or a field of one."""
    if task.input != "fields":
        return task.input == kind
    kinds = {field.kind for field in task.fields}
    return kind in kinds or (kind == "text" and "texts" in kinds)
