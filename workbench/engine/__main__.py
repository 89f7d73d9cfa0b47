"""``python -m workbench.engine``: the engine, speaking the framing over stdin and stdout."""

from __future__ import annotations

import faulthandler

from workbench.engine.loop import serve
from workbench.wire import claim_standard_streams

if __name__ == "__main__":
    channel = claim_standard_streams()
    faulthandler.enable()  # a crash inside onnxruntime then names the place in the log
    serve(channel)
