"""Theme and language of the window: the user's wish, the system's, and changing them while it is open."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QLibraryInfo, QLocale, QObject, Qt, QTranslator, Signal
from PySide6.QtWidgets import QApplication

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
        self._put_language()

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
        theme.apply(self._app, dark=dark)

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
