"""The version of this wrapper; the library's own is `keyfold.library_version()`."""

__version__ = "0.1.0"
