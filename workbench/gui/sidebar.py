"""The left side of the window: search, the models, and what concerns the whole app."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QActionGroup, QKeyEvent, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QFileDialog, QLineEdit, QListView, QMenu, QSizePolicy

from workbench.errors import Notice
from workbench.gui.appearance import Appearance
from workbench.gui.entry_list import EntryDelegate, EntryRows
from workbench.gui.language import message_of, tr
from workbench.gui.library import Library
from workbench.gui.widgets.basic import Banner, Button, Label, Panel, column, row
from workbench.gui.widgets.icons import icon
from workbench.gui.widgets.theme import SPACE, colors, is_theme_change, mark

__all__ = ["Sidebar"]

# Below this width buttons show their icons alone.
WORDS_PX = 264


class _Search(QLineEdit):
    """The arrow key leads into what was found; Escape takes the words back."""

    downwards = Signal()

    def event(self, event: QEvent) -> bool:
        # Else a page that Escape closes would be closed first.
        if event.type() == QEvent.Type.ShortcutOverride and self._is_escape(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Down:
            self.downwards.emit()
        elif self._is_escape(event):
            self.clear()
        else:
            super().keyPressEvent(event)

    def _is_escape(self, event: QEvent) -> bool:
        assert isinstance(event, QKeyEvent)
        return bool(self.text()) and event.matches(QKeySequence.StandardKey.Cancel)


class Sidebar(Panel):
    """Emits ``chosen`` with the entry that is selected, and ``updated`` when something else is known of it now."""

    chosen = Signal(object)  # Entry
    began = Signal(object)  # Entry: nobody chose it, a model had to be the first
    updated = Signal(object)  # Entry
    pointed = Signal(object)  # Entry: the selected one was clicked, or Enter pressed on it
    machine_requested = Signal()

    def __init__(self, library: Library, appearance: Appearance) -> None:
        super().__init__()
        self._library = library
        self._appearance = appearance
        self._name: str | None = None
        self._modality: str | None = None
        self.search = _Search()
        self.search.setClearButtonEnabled(True)
        self._glass = QAction(self)
        self.search.addAction(self._glass, QLineEdit.ActionPosition.LeadingPosition)
        self.rows = EntryRows()
        self.list = QListView()
        self.list.setModel(self.rows)
        self.list.setItemDelegate(EntryDelegate(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setMouseTracking(True)
        self.list.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setFrameShape(QListView.Shape.NoFrame)
        self._filter = Button(icon="close", role="chip", tint="muted")
        self._filter.hide()
        self._nothing = Label(tone="muted", wrap=True)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._nothing.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self._nothing.setContentsMargins(SPACE.medium, SPACE.small, SPACE.medium, 0)
        self._nothing.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._banner = Banner()
        self._settings = Button(icon="settings", role="quiet", tint="muted")
        self._refresh = Button(icon="refresh", role="quiet", tint="muted")
        self._add = Button(icon="open", role="quiet", tint="muted")
        self.machine = Button(icon="machine", role="quiet", tint="muted")
        foot = row(self._settings, self._add, self._refresh, 1, self.machine, space=SPACE.tight)
        layout = column(self.search, self._filter, self._banner, self.list, self._nothing, space=SPACE.small)
        layout.setContentsMargins(SPACE.medium, SPACE.medium, SPACE.medium, SPACE.small)
        layout.setStretch(3, 1)
        layout.addLayout(foot)
        self.setLayout(layout)
        self.setMinimumWidth(220)
        mark(self, role="sidebar")

        self.search.textChanged.connect(self._search)
        self.search.returnPressed.connect(self._first)
        self.search.downwards.connect(self._into_list)
        self.list.selectionModel().currentChanged.connect(self._current_changed)
        self._filter.clicked.connect(self._clear_modality)
        self._refresh.clicked.connect(library.refresh)
        self._add.clicked.connect(self.add_folder)
        self.machine.clicked.connect(self.machine_requested)
        self.list.clicked.connect(self._point)
        self.list.activated.connect(self._point)
        library.changed.connect(self._show_listing)
        library.failed.connect(lambda error: self._banner.tell(partial(message_of, error), tone="danger"))
        QShortcut(QKeySequence.StandardKey.Find, self, self.search.setFocus)
        QShortcut(QKeySequence.StandardKey.Refresh, self, library.refresh)
        self._tint()
        self.retranslate()

    def retranslate(self) -> None:
        self.search.setPlaceholderText(tr("Search models"))
        self.search.setAccessibleName(tr("Search models"))
        self.list.setAccessibleName(tr("Models"))
        self._settings.describe(tr("Theme, language"))
        self._add.describe(tr("Add a folder with models…"))
        self._refresh.describe(tr("Look for models again"))
        self._name_machine()
        before = self._settings.menu()
        self._settings.setMenu(self._menu())
        if before:
            before.deleteLater()
        name = self._name
        self.rows.retranslate()
        self._select(name)
        self._show_filter()
        self._show_nothing()

    def changeEvent(self, event: object) -> None:
        super().changeEvent(event)  # type: ignore[arg-type]  # QEvent, as Panel says
        if is_theme_change(event):  # type: ignore[arg-type]
            self._tint()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._name_machine()

    def _name_machine(self) -> None:
        """Its icon alone where there is no room for words."""
        self.machine.setText(tr("This machine") if self.width() >= WORDS_PX else "")
        self.machine.describe(tr("This machine"))

    @property
    def selected(self) -> str | None:
        """The name of the selected model."""
        return self._name

    def select(self, name: str) -> None:
        """Select a model by its name, as a click would."""
        if self.rows.row_of(name) is None:
            self.search.clear()
            self._clear_modality()
        self._select(name)

    def select_again(self, name: str) -> None:
        """Select a model, and tell it also where it is the selected one already."""
        known = self._name
        self.select(name)
        entry = self._library.entry(name)
        if known == name and entry:
            self.chosen.emit(entry)

    def want(self, modality: str | None) -> None:
        """Offer only models for this kind of input; None for all."""
        self._modality = modality
        name = self._name
        self.rows.set_modality(modality)
        self._select(name)
        self._show_filter()
        self._show_nothing()

    def _select_first(self, name: str) -> None:
        """Begin with this model, unless another one was chosen meanwhile."""
        entry = self._library.entry(name)
        if self._name is None and entry is not None and self.rows.row_of(name) is not None:
            self._name = name
            self._select(name)
            self.began.emit(entry)

    def _select(self, name: str | None) -> None:
        row_ = self.rows.row_of(name) if name else None
        if row_ is None:
            return
        index = self.rows.index(row_)
        flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Current
        self.list.selectionModel().setCurrentIndex(index, flags)
        self.list.scrollTo(index)

    def _current_changed(self, now: QModelIndex, before: QModelIndex) -> None:
        entry = self.rows.entry(now.row()) if now.isValid() else None
        if entry and entry.name != self._name:
            self._name = entry.name
            self.chosen.emit(entry)

    def _point(self, at: QModelIndex) -> None:
        if entry := self.rows.entry(at.row()):
            self.pointed.emit(entry)

    def _show_listing(self) -> None:
        listing = self._library.listing
        assert listing is not None
        self.rows.set_entries(listing.entries)
        if self._name is not None and (entry := self._library.entry(self._name)):
            self._select(self._name)
            self.updated.emit(entry)
        elif listing.entries:
            best = self._library.first_ready("text") or next(
                (entry for entry in listing.entries if entry.standing == "ready"), listing.entries[0]
            )
            self._name = None
            QTimer.singleShot(0, self, lambda: self._select_first(best.name))  # the list is painted first
        # Without the cache there are still folders and exports; who has no model at all is told where it looked.
        warnings = tuple(item for item in listing.warnings if item.code != "cache-missing")
        if warnings and listing.entries:
            self._banner.tell(partial(_warnings_text, warnings), tone="warning")
        else:
            self._banner.clear()
        self._show_nothing()

    def _search(self, text: str) -> None:
        name = self._name
        self.rows.set_search(text)
        self._select(name)
        self._show_nothing()

    def _first(self) -> None:
        """Enter in the search: the first model that is shown."""
        for row_ in range(self.rows.rowCount()):
            if entry := self.rows.entry(row_):
                self._select(entry.name)
                self.list.setFocus()
                return

    def _into_list(self) -> None:
        """Down in the search: the list, where the model that is selected is among those shown, else its first one."""
        if self._name and self.rows.row_of(self._name) is not None:
            self.list.setFocus()
        else:
            self._first()

    def _show_nothing(self) -> None:
        listing = self._library.listing
        nothing = listing is not None and self.rows.count == 0
        self._nothing.setVisible(nothing)
        self.list.setVisible(not nothing)
        if listing is None or not nothing:
            return
        if listing.entries:
            self._nothing.setText(tr("No model fits. Search for another word, or show all."))
        else:
            lines = [tr("No models yet. What you download with Hugging Face's tools appears here by itself.")]
            lines += [message_of(item) for item in listing.warnings]
            self._nothing.setText("\n\n".join(lines))

    def _show_filter(self) -> None:
        texts = {"text": tr("For text"), "image": tr("For pictures"), "audio": tr("For sound")}
        self._filter.setText(texts.get(self._modality or "", ""))
        self._filter.setToolTip(tr("Show all models"))
        self._filter.setVisible(self._modality is not None)

    def _clear_modality(self) -> None:
        self.want(None)

    def add_folder(self) -> None:
        """Ask for a folder, and look for models there from now on."""
        folder = QFileDialog.getExistingDirectory(self, tr("Add a folder with models…"))
        if folder:
            self._library.add_folder(folder)

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        look = menu.addMenu(tr("Theme"))
        names = (("system", tr("As the system")), ("light", tr("Light")), ("dark", tr("Dark")))
        _choices(look, names, self._appearance.theme, self._appearance.set_theme)
        tongue = menu.addMenu(tr("Language"))
        # Each language is named by itself: who cannot read the one shown must find the other.
        languages = (("system", tr("As the system")), ("en", "English"), ("zh_CN", "简体中文"))
        _choices(tongue, languages, self._appearance.language, self._appearance.set_language)
        return menu

    def _tint(self) -> None:
        self._glass.setIcon(icon("search", colors().muted))


def _choices(menu: QMenu, choices: tuple[tuple[str, str], ...], now: str, receiver: object) -> None:
    group = QActionGroup(menu)
    for value, text in choices:
        action = menu.addAction(text)
        action.setCheckable(True)
        action.setChecked(value == now)
        group.addAction(action)
        action.triggered.connect(lambda _=False, value=value: receiver(value))  # type: ignore[operator]


def _warnings_text(warnings: tuple[Notice, ...]) -> str:
    texts = [message_of(item) for item in warnings]
    if len(texts) == 1:
        return texts[0]
    return tr("{first} And {count} more.", first=texts[0], count=len(texts) - 1)
