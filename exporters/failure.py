"""What a worker tells the app when it cannot go on."""

from __future__ import annotations

from typing import Any

__all__ = ["ExportFailure"]


class ExportFailure(Exception):
    """A code of the app's list of messages and its arguments. The app turns it into its own ``ExportError``."""

    def __init__(self, code: str, **arguments: Any) -> None:
        self.code = code
        self.arguments = {name: str(value) for name, value in arguments.items()}
        super().__init__(f"{code}: {self.arguments}")

    def to_wire(self) -> dict[str, Any]:
        """The body of an ``error`` message."""
        return {"type": "ExportError", "code": self.code, "message": str(self), "arguments": self.arguments}
