"""Theme and language of the window: the user's wish, the system's, and changing them while it is open."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QEvent, QLibraryInfo, QLocale, QObject, Qt, QTimer, QTranslator, Signal
from PySide6.QtWidgets import QApplication, QWidget
from shiboken6 import isValid

from workbench.garbage import no_collections
from workbench.gui import language
from workbench.gui.widgets import theme
from workbench.settings import Settings

__all__ = ["Appearance"]


class Appearance(QObject):
    """Follows the settings ``theme`` and ``language``; ``system`` follows the desktop while the window is open."""

    changed = Signal(str, str)  # the name of a setting and its new value, by the user's choice

    def __init__(self, app: QApplication, settings: Settings) -> None:
        super().__init__(app)
        self._app = app
        self.theme = settings.theme
        self.language = settings.language
        self._translator: QTranslator | None = None
        self._begun = False
        self._parts: list[QWidget] = []
        self._undressed: list[QWidget] = []
        self._frozen: list[QWidget] = []  # windows that show what they showed before
        self._dressing = QTimer(self)
        self._dressing.timeout.connect(self._dress_next)
        self._put_language()

    @property
    def dressed(self) -> tuple[QWidget, ...]:
        """What wears the style sheet."""
        return tuple(self._parts)

    def dress(self, *parts: QWidget) -> None:
        """Keep these parts of the window, none inside another, in the style sheet of the theme. Each is styled when it
        is shown or, unseen, after :meth:`dress_unseen`; while the window is made, not before :meth:`begin`."""
        self._undressed += parts if self._begun else ()
        for part in parts:
            self._parts.append(part)
            part.installEventFilter(self)

    def dress_later(self, *parts: QWidget) -> None:
        """The same, and in idle moments from now on."""
        self.dress(*parts)
        self._dressing.start()

    def begin(self) -> None:
        """Put the theme into force. Once the window is made: each part would be styled again as it gets its place."""
        self._begun = True
        self._put_theme()
        self._dressing.stop()
        self._app.styleHints().colorSchemeChanged.connect(self._follow)

    def dress_unseen(self) -> None:
        """Style in idle moments what was not seen yet: what is styled when it is opened opens later."""
        self._dressing.start()

    def set_theme(self, wish: str) -> None:
        """``system``, ``light`` or ``dark``."""
        self.theme = wish
        self._put_theme()
        self.changed.emit("theme", wish)

    def set_language(self, wish: str) -> None:
        """``system``, ``en`` or ``zh_CN``."""
        self.language = wish
        self._put_language()
        self.changed.emit("language", wish)

    def _follow(self) -> None:
        if self.theme == "system":
            self._put_theme()

    def _put_theme(self) -> None:
        dark = self.theme == "dark"
        if self.theme == "system":
            dark = self._app.styleHints().colorScheme() == Qt.ColorScheme.Dark
        seen = [part for part in self._parts if part.isVisible()]
        self._freeze({part.window() for part in seen})
        theme.put_palette(self._app, dark=dark)
        self._undressed = seen + [part for part in self._parts if part not in seen]
        self._dressing.start()

    def _dress_next(self) -> None:
        """One part at a time, what is seen first: all at once would stall the window. It is painted only when all that
        is seen is ready: nobody sees a mixture of two themes."""
        if self._undressed:
            self._put_on(next((part for part in self._undressed if part.isVisible()), self._undressed[0]))
        else:
            self._dressing.stop()
        if not any(part.isVisible() for part in self._undressed):
            self._freeze(())

    def _freeze(self, windows: Iterable[QWidget]) -> None:
        """Have these windows, and no others, keep the picture that they show."""
        before, self._frozen = self._frozen, list(windows)
        for window in self._frozen:
            window.setUpdatesEnabled(False)
        for window in before:
            if window not in self._frozen and isValid(window):
                window.setUpdatesEnabled(True)

    def _put_on(self, part: QWidget) -> None:
        self._undressed.remove(part)
        with no_collections():  # as for the palette
            part.setStyleSheet(theme.style_sheet())

    def eventFilter(self, part: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show and part in self._undressed and isinstance(part, QWidget):
            handle = part.window().windowHandle()
            if handle and handle.isExposed():  # another page of an open window, which shows the one before until then
                self._undressed.remove(part)
                self._undressed.insert(0, part)
                self._freeze({part.window(), *self._frozen})
                self._dressing.start()
            else:
                self._put_on(part)
        return False

    def _put_language(self) -> None:
        chosen = language.resolve(self.language, QLocale.system().uiLanguages())
        if self._translator:
            self._app.removeTranslator(self._translator)
            self._translator = None
        QLocale.setDefault(QLocale("zh_CN" if chosen == "zh_CN" else "en"))
        if chosen == "zh_CN":  # the buttons of Qt's own dialogs
            translator = QTranslator(self)
            folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
            if translator.load("qtbase_zh_CN", folder):
                self._app.installTranslator(translator)
                self._translator = translator
        language.set_current(chosen)
        QApplication.sendEvent(self._app, QEvent(QEvent.Type.LanguageChange))
