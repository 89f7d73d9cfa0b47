"""One window a user and data folder: a second start asks the first to come forward, and ends."""

from __future__ import annotations

import getpass
import hashlib

from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from workbench.settings import data_dir

__all__ = ["FirstWindow", "raise_first"]

ANSWER_MS = 1000


def raise_first() -> bool:
    """Ask an open window to come forward; False where there is none that answers."""
    socket = QLocalSocket()
    socket.connectToServer(_name())
    if not socket.waitForConnected(ANSWER_MS):
        return False
    socket.write(b"raise\n")
    socket.flush()
    answered = socket.waitForReadyRead(ANSWER_MS)
    socket.disconnectFromServer()
    return bool(answered)


class FirstWindow(QObject):
    """Listens for second starts on a local socket that only this user can reach."""

    asked = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._greet)
        if not self._server.listen(_name()):
            # What a crash left behind; nobody answered there a moment ago.
            QLocalServer.removeServer(_name())
            self._server.listen(_name())

    def close(self) -> None:
        self._server.close()

    def _greet(self) -> None:
        while self._server.hasPendingConnections():
            socket = self._server.nextPendingConnection()
            socket.readyRead.connect(self.asked)
            socket.disconnected.connect(socket.deleteLater)
            socket.write(b"here\n")
            socket.flush()


def _name() -> str:
    # A socket's path may not be long, and two data folders are two apps.
    said = f"{getpass.getuser()}\0{data_dir()}"
    return "offline-ai-workbench-" + hashlib.sha256(said.encode("utf-8", "surrogateescape")).hexdigest()[:16]
