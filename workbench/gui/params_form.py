"""The form of a task's parameters, built from what the catalog declares."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import QEvent, QSize
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QCheckBox, QDoubleSpinBox, QFormLayout, QLineEdit, QSpinBox, QWidget

from workbench.gui.language import choice_text, param_help, param_title, tr
from workbench.gui.widgets.basic import Choice, Label, Panel
from workbench.gui.widgets.theme import SPACE
from workbench.tasks.catalog import Param, TaskInfo

__all__ = ["ParamsForm"]

MAX_INT = 1_000_000
COMMAS = re.compile("[,\N{FULLWIDTH COMMA}]")


class ParamsForm(Panel):
    """Keeps what the user set until another task is shown.

    ``needed`` True: the parameters that must be given, False: the others, None: all. ``presets`` are values to begin
    with, by name, where they are not those of the catalog.
    """

    def __init__(self, *, needed: bool | None = None, presets: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self._stale = False
        self._presets = dict(presets or {})
        self._needed = needed
        self._task: TaskInfo | None = None
        self._readers: dict[str, Callable[[], Any]] = {}
        self._fields: list[QWidget] = []
        self._labels: list[Label] = []
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setHorizontalSpacing(SPACE.large)

    @property
    def is_empty(self) -> bool:
        return not self._readers

    def fields(self) -> tuple[QWidget, ...]:
        """The widgets of the parameters, in their order."""
        return tuple(self._fields)

    def set_task(self, task: TaskInfo) -> None:
        """Show the parameters of a task with their defaults; those of the same task keep their values."""
        if self._task is None or self._task.id != task.id:
            self._task = task
            self._build(self._presets)

    def missing(self) -> list[Param]:
        """Those that must be given and are not."""
        given = self.values()
        return [param for param in self._params() if param.is_needed and param.name not in given]

    def focus(self, param: Param) -> None:
        """Go to the field of a parameter."""
        self._fields[self._params().index(param)].setFocus()

    def values(self) -> dict[str, Any]:
        """Those that were set; a parameter that is left as the model's own files say is not among them."""
        given = {name: read() for name, read in self._readers.items()}
        return {name: value for name, value in given.items() if value is not None}

    def retranslate(self) -> None:
        """Fields are made anew for another language, when they are seen next: most forms are hidden, and making one
        takes a moment."""
        self._stale = not self.isVisible()
        if self.isVisible():
            self._build(self.values())

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            self.retranslate()

    def event(self, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.Resize):
            self._arrange()
        return super().event(event)

    def minimumSizeHint(self) -> QSize:
        """As wide as the widest of titles and fields: these stand one above the other where room is short."""
        parts = [*self._labels, *self._fields]
        width = max((part.minimumSizeHint().width() for part in parts), default=0)
        return QSize(width, super().minimumSizeHint().height())

    def _arrange(self) -> None:
        """Titles stand beside their fields where there is room for the longest of both, else all above them: Qt would
        move the long ones alone, a form without order."""
        titles = max((label.sizeHint().width() for label in self._labels), default=0)
        fields = max((field.minimumSizeHint().width() for field in self._fields), default=0)
        beside = titles + SPACE.large + fields <= self.width()
        policies = QFormLayout.RowWrapPolicy
        self._form.setRowWrapPolicy(policies.DontWrapRows if beside else policies.WrapAllRows)
        self._form.setVerticalSpacing(SPACE.small if beside else SPACE.hair)
        for number, (label, field) in enumerate(zip(self._labels, self._fields, strict=True)):
            label.setVisible(beside or bool(label.text()))
            # Beside a field its text stands at the height of the field's; above one it is nearer to that than to the
            # field before.
            label.setMinimumHeight(field.sizeHint().height() if beside else 0)
            label.setContentsMargins(0, 0 if beside or not number else SPACE.small, 0, 0)

    def _params(self) -> list[Param]:
        params = self._task.params if self._task else ()
        return [param for param in params if self._needed is None or param.is_needed == self._needed]

    def _build(self, values: dict[str, Any]) -> None:
        self._stale = False
        while self._form.rowCount():
            self._form.removeRow(0)
        self._readers, self._fields, self._labels = {}, [], []
        for param in self._params():
            field, read = self._field(param, values.get(param.name, param.default))
            field.setToolTip(param_help(param))
            field.setAccessibleName(param_title(param))
            field.setAccessibleDescription(param_help(param))
            label = Label("" if isinstance(field, QCheckBox) else param_title(param))
            label.setBuddy(field)
            label.setToolTip(param_help(param))
            self._form.addRow(label, field)
            self._fields.append(field)
            self._labels.append(label)
            self._readers[param.name] = read

    def _field(self, param: Param, value: Any) -> tuple[QWidget, Callable[[], Any]]:
        if param.choices:
            return self._choice(param, value)
        if param.type is bool and param.default is not None:
            box = QCheckBox(param_title(param))
            box.setChecked(bool(value))
            return box, box.isChecked
        if param.type is bool:
            combo = Choice()
            for text, item in ((tr("As the model says"), None), (tr("Yes"), True), (tr("No"), False)):
                combo.addItem(text, item)
            combo.setCurrentIndex((None, True, False).index(value))
            return combo, combo.currentData
        if param.type is list:
            return self._texts(param, value)
        if param.type is str:
            edit = QLineEdit(value or "")
            edit.setPlaceholderText(tr("As the model says") if param.default is None else "")
            return edit, lambda: edit.text().strip() or None
        return self._number(param, value)

    def _texts(self, param: Param, value: Any) -> tuple[QWidget, Callable[[], Any]]:
        """Several texts on one line."""
        edit = QLineEdit(", ".join(value or ()))
        edit.setPlaceholderText(tr("Divided by commas"))

        def read() -> Any:
            texts = tuple(text for part in COMMAS.split(edit.text()) if (text := part.strip()))
            return texts or None

        return edit, read

    def _choice(self, param: Param, value: Any) -> tuple[QWidget, Callable[[], Any]]:
        combo = Choice()
        if param.default is None:
            combo.addItem(tr("As the model says"), None)
        if param.type is bool:
            combo.addItem(tr("Yes"), True)
            combo.addItem(tr("No"), False)
        for choice in param.choices:
            combo.addItem(choice_text(choice), choice)
        combo.setCurrentIndex(max(0, combo.findData(value)))
        return combo, combo.currentData

    def _number(self, param: Param, value: Any) -> tuple[QWidget, Callable[[], Any]]:
        """A number; one below the least stands for "as the model says"."""
        spin: QSpinBox | QDoubleSpinBox
        least = 0.0 if param.minimum is None else param.minimum
        most = float(MAX_INT) if param.maximum is None else param.maximum
        if param.type is int:
            spin = QSpinBox()
            spin.setRange(int(least) - 1 if param.default is None else int(least), int(most))
        else:
            spin = QDoubleSpinBox()
            spin.setDecimals(3)
            spin.setRange(least - 0.001 if param.default is None else least, most)
        if param.default is None:
            spin.setSpecialValueText(tr("As the model says"))
        spin.lineEdit().setTextMargins(SPACE.small, 0, 0, 0)  # as far in as other texts; a style sheet cannot say it
        spin.setValue(spin.minimum() if value is None else value)  # type: ignore[arg-type]  # an int where it is one

        def read() -> Any:
            unset = param.default is None and spin.value() == spin.minimum()
            return None if unset else spin.value()

        return spin, read
