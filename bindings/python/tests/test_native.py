"""The generated layer against the library that is loaded."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import keyfold
import pytest
from conftest import REPOSITORY
from keyfold import _library, _native

HEADER = REPOSITORY / "include/keyfold.h"
NAMES = sorted(name for name in vars(_native) if re.fullmatch(r"keyfold_\w+", name))


def test_every_symbol_of_the_header_is_in_the_library_with_its_types() -> None:
    """T-64: a function without argument types would cut pointers to int."""
    assert len(NAMES) > 60
    assert NAMES == sorted((REPOSITORY / "bindings/exports.txt").read_text().split())
    for name in NAMES:
        function = getattr(_native, name)
        assert isinstance(function, ctypes._CFuncPtr), f"{name} is not in the library"
        assert function.argtypes is not None
        assert function.restype is not ctypes.c_int or function.errcheck is _native._check


def test_handles_above_4_gib_are_passed_whole(key: keyfold.Key) -> None:
    value = ctypes.cast(key._handle, ctypes.c_void_p).value
    assert value is not None and value >> 62 == 1 and value & (1 << 55)
    assert key.decrypt(key.encrypt(b"m")) == b"m"


@pytest.mark.skipif(shutil.which("setarch") is None, reason="no setarch")
@pytest.mark.parametrize("layout", [["-R"], ["-L"], []])
def test_it_works_under_other_layouts_of_memory(layout: list[str]) -> None:
    path = str(Path(keyfold.__file__).parents[1])
    script = (
        f"import sys; sys.path.insert(0, {path!r}); import keyfold\n"
        "with keyfold.in_memory() as s:\n"
        "    s.create_key('k')\n"
        "    with s.key('k') as k: assert k.decrypt(k.encrypt(b'm')) == b'm'\n"
    )
    command = ["setarch", *layout, sys.executable, "-c", script] if layout else [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if "personality" in done.stderr:
        pytest.skip("this container does not let a process choose its layout")
    assert done.returncode == 0, done.stderr


def test_a_handle_of_another_kind_does_not_pass(key: keyfold.Key) -> None:
    for wrong in [key._handle, 7, b"handle", ctypes.c_void_p(7)]:
        with pytest.raises(ctypes.ArgumentError):
            _native.keyfold_store_info(wrong, _native.Buffer())  # type: ignore[arg-type]
    with pytest.raises(keyfold.InvalidHandle):
        _native.keyfold_store_info(None, _native.Buffer())  # type: ignore[arg-type]


def _compiled(tmp_path: Path, code: str) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    source, library = tmp_path / "other.c", tmp_path / "libother.so"
    source.write_text(code)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    return library


def _importing(library: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "KEYFOLD_LIBRARY": str(library)}
    path = str(Path(keyfold.__file__).parents[1])
    script = f"import sys; sys.path.insert(0, {path!r}); import keyfold"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)


def test_a_library_of_another_abi_is_refused_at_import(tmp_path: Path) -> None:
    """Seen failing with `require_abi` taken out of the generated file."""
    done = _importing(
        _compiled(tmp_path, f"unsigned keyfold_abi_version(void) {{ return {_native.ABI_VERSION + 1}; }}")
    )
    assert done.returncode == 1
    assert f"ImportError: the keyfold library has ABI {_native.ABI_VERSION + 1}" in done.stderr


def test_an_old_library_is_refused_by_what_it_lacks(tmp_path: Path) -> None:
    done = _importing(_compiled(tmp_path, "int something_else;"))
    assert "the keyfold library has no keyfold_abi_version; install a later one" in done.stderr
    stub = _library.bind("keyfold_of_the_future", None, [], None)
    with pytest.raises(keyfold.LibraryTooOld, match="keyfold_of_the_future"):
        stub(1, 2)


def test_a_library_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    done = _importing(tmp_path / "libkeyfold.so")
    assert "set KEYFOLD_LIBRARY to the path of libkeyfold.so" in done.stderr
    done = _importing(Path("libkeyfold.so"))
    assert "must be an absolute path" in done.stderr


def test_versions_agree() -> None:
    cargo = (REPOSITORY / "Cargo.toml").read_text()
    assert re.search(r'^version = "(.*)"', cargo, re.MULTILINE).group(1) == keyfold.__version__  # type: ignore[union-attr]
    assert f'#define KEYFOLD_VERSION "{keyfold.__version__}"' in HEADER.read_text()
    assert keyfold.library_version() == keyfold.__version__


def test_everything_of_the_low_layer_is_used_by_the_classes() -> None:
    """What C offers and no class calls is forgotten, not chosen."""
    package = Path(keyfold.__file__).parent
    text = "".join(p.read_text() for p in package.glob("*.py") if p.name != "_native.py")
    own = {"keyfold_abi_version", "keyfold_last_error", "keyfold_status_name", "keyfold_status_text"}
    own.add("keyfold_status_retryable")
    own.add("keyfold_store_add_root")  # keyfold_store_add_root_as does that too
    own.add("keyfold_stream_read")  # the classes read their sources themselves, and push
    words = set(re.findall(r"keyfold_\w+", text))
    assert [name for name in NAMES if name not in words and name not in own] == []


def test_the_types_are_strict() -> None:
    """`mypy --strict` over the package, as its users' mypy sees it."""
    pytest.importorskip("mypy")
    package = Path(keyfold.__file__).parent
    config = str(package.parent / "pyproject.toml")
    if not Path(config).exists():
        pytest.skip("not in the source tree")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", config, str(package)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
