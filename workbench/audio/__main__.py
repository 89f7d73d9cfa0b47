"""``python -m workbench.audio``: recording and playing, speaking the framing over stdin and stdout."""

from __future__ import annotations

import faulthandler

from workbench.audio.loop import serve
from workbench.audio.portaudio import PortAudio
from workbench.wire import claim_standard_streams

if __name__ == "__main__":
    channel = claim_standard_streams()
    faulthandler.enable()  # a crash inside PortAudio then names the place in the log
    serve(channel, PortAudio())
