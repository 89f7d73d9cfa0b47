"""An engine whose best provider fails: the real one, with a provider that takes no node and then dies of its work.

``AzureExecutionProvider`` is in every CPU wheel of onnxruntime and leaves all to the CPU, so graphs run where they
always do, while the engine tells of another provider. ``python -m tests.engine.dying`` stands for the engine; the
environment variable ``DYING`` says how it fails: ``crash`` or ``error`` in its second call of a graph, ``load`` while
loading, or not at all.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnxruntime as ort

from workbench.engine.loop import serve
from workbench.errors import EngineError
from workbench.providers import PROVIDERS, Provider
from workbench.runtime import opening, session
from workbench.tasks.base import Array, Outputs, Run
from workbench.wire import claim_standard_streams

AZURE = Provider("azure", "Azure", "AzureExecutionProvider")
HAS_AZURE = AZURE.onnxruntime in ort.get_available_providers()


class _Dying(session.Session):
    calls = 0

    def __init__(self, path: Path, options: session.SessionOptions | None = None) -> None:
        if os.environ.get("DYING") == "load" and (options or session.SessionOptions()).provider != "cpu":
            os.kill(os.getpid(), signal.SIGKILL)
        super().__init__(path, options)

    def run(self, feeds: Mapping[str, Array], run: Run, outputs: tuple[str, ...] | None = None) -> Outputs:
        if self.providers_tried[0] == AZURE.onnxruntime:
            self.calls += 1
            if self.calls > 1 and os.environ.get("DYING") == "crash":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.calls > 1 and os.environ.get("DYING") == "error":
                raise EngineError("graph-failed", file=self.path.name, reason="CUDA error 700")
        return super().run(feeds, run, outputs)

    def tried(self, feeds: Mapping[str, Array], outputs: tuple[str, ...]) -> Any:
        return None  # inputs go alone, so that calls can be counted


if __name__ == "__main__":
    import workbench.engine.loading

    PROVIDERS["azure"] = AZURE
    opening.PREFERENCE = ("azure", "cpu")
    workbench.engine.loading.Session = _Dying  # type: ignore[misc]
    serve(claim_standard_streams())
