"""Theme and language of the window: the user's wish, the system's, and changing them while it is open."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QLibraryInfo, QLocale, QObject, Qt, QTimer, QTranslator, Signal
from PySide6.QtWidgets import QApplication, QWidget

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
        self._parts: list[QWidget] = []
        self._undressed: list[QWidget] = []
        self._dressing = QTimer(self)
        self._dressing.timeout.connect(self._dress_next)
        self._put_language()

    def dress(self, *parts: QWidget) -> None:
        """Keep these parts of the window, none inside another, in the style sheet of the theme."""
        for part in parts:
            self._parts.append(part)
            part.installEventFilter(self)

    def begin(self) -> None:
        """Put the theme into force. Once the window is made: each part would be styled again as it gets its place."""
        self._put_theme()
        self._app.styleHints().colorSchemeChanged.connect(self._follow)

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
        theme.put_palette(self._app, dark=dark)
        self._undressed = list(self._parts)
        for part in self._parts:
            if part.isVisible():
                self._put_on(part)
        self._dressing.start()

    def _dress_next(self) -> None:
        """What is not seen follows in idle moments, one part at a time: all at once would stall the window."""
        if self._undressed:
            self._put_on(self._undressed[0])
        else:
            self._dressing.stop()

    def _put_on(self, part: QWidget) -> None:
        self._undressed.remove(part)
        with no_collections():  # as for the palette
            part.setStyleSheet(theme.style_sheet())

    def eventFilter(self, part: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show and part in self._undressed and isinstance(part, QWidget):
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
