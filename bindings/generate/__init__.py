"""Writes the low layer of every binding from the committed C header. Run as ``python3 -m bindings.generate``."""
