"""Puts the library into the wheel and gives the wheel its platform's tag. Nothing is downloaded."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VARIABLE = "KEYFOLD_LIBRARY"


class LibraryHook(BuildHookInterface):  # type: ignore[type-arg]
    """Looks for the library where KEYFOLD_LIBRARY says, in the package folder, and where `make build` leaves it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it gathers the wheel's files."""
        if version == "editable":
            return
        name = "libkeyfold.dylib" if sys.platform == "darwin" else "libkeyfold.so"
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{os.environ.get('KEYFOLD_WHEEL_PLATFORM', platform)}"
        build_data["force_include"][str(self._library(name))] = f"keyfold/{name}"

    def _library(self, name: str) -> Path:
        named = os.environ.get(VARIABLE)
        here = Path(self.root)
        places = [Path(named)] if named else [here / "keyfold" / name, here / "../../build/lib" / name]
        for place in places:
            if place.is_file():
                return place.resolve()
        looked = " nor ".join(str(place) for place in places)
        raise FileNotFoundError(
            f"the keyfold library is not at {looked}; run 'make build' in the repository first, or set {VARIABLE} to"
            f" the path of a {name}"
        )
