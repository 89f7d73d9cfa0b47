"""Everything that touches PortAudio, in processes of its own: it can hang, and its Linux wheel brings no library."""
