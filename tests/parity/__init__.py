"""Every task against its reference, computed in the toolchain's Python."""
