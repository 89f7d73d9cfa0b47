"""What the parts of a window share."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from workbench.gui.appearance import Appearance
    from workbench.gui.background import Background
    from workbench.gui.core import Core
    from workbench.gui.exports import Exports
    from workbench.gui.library import Library
    from workbench.gui.microphone import Microphone
    from workbench.gui.receipts import Receipts

__all__ = ["Controllers"]


class Controllers(NamedTuple):
    """One of each for a window. A tuple, because making a dataclass would hold up the start."""

    core: Core
    background: Background
    appearance: Appearance
    library: Library
    exports: Exports
    receipts: Receipts
    microphone: Microphone
