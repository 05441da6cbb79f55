"""The generator: it reads the committed header whole, agrees with another parser, and refuses what it does not know.

Run with ``python3 -m pytest bindings/generate``.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from bindings.generate import c, go, header, layout, python, statuses  # noqa: E402
from bindings.generate.__main__ import main, outputs  # noqa: E402
from bindings.generate.model import Header, HeaderError, Type  # noqa: E402

HEADER = ROOT / "include/keyfold.h"


@pytest.fixture(scope="module")
def model() -> Header:
    return header.read(HEADER)


# What is committed.


def test_every_generated_file_is_the_one_committed() -> None:
    assert main(["--check"]) == 0


def test_a_changed_file_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ["include/keyfold.h", "docs/ABI.md"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    assert main(["--root", str(tmp_path)]) == 0
    assert main(["--root", str(tmp_path), "--check"]) == 0
    native = tmp_path / "bindings/python/keyfold/_native.py"
    native.write_text(native.read_text().replace("ctypes.c_size_t", "ctypes.c_int", 1))
    assert main(["--root", str(tmp_path), "--check"]) == 1
    assert "c_int" in capsys.readouterr().err


def test_output_does_not_depend_on_when_or_where_it_is_made(model: Header) -> None:
    again = header.parse(HEADER.read_text(), "keyfold.h")
    assert outputs(model, ROOT) == outputs(again, ROOT)
    assert not re.search(r"20\d\d-\d\d|/work|/home|/root", python.native(model) + go.native(model))


def test_black_leaves_the_python_alone(model: Header) -> None:
    black = pytest.importorskip("black")
    mode = black.Mode(line_length=110, target_versions={black.TargetVersion.PY310})
    text = python.native(model)
    assert black.format_str(text, mode=mode) == text


@pytest.mark.skipif(shutil.which("gofmt") is None, reason="no gofmt")
def test_gofmt_leaves_the_go_alone(model: Header) -> None:
    text = go.native(model)
    done = subprocess.run(["gofmt"], input=text, capture_output=True, text=True, check=True)
    assert done.stdout == text


# Nothing is left out.


def test_every_function_is_in_every_output(model: Header) -> None:
    text = HEADER.read_text()
    declared = set(re.findall(r"^(?:KEYFOLD_MUST_USE )?[\w ]+\*?(keyfold_\w+)\((?!name)", text, re.MULTILINE))
    assert len(declared) > 50
    assert {f.name for f in model.functions} == declared
    assert set(c.exports(model).split()) == declared
    assert set(re.findall(r'bind\(\n    "(\w+)"', python.native(model))) == declared
    shims = set(re.findall(r"^static inline .*?kf_(\w+)\(", go.native(model), re.MULTILINE)) - {"detail"}
    assert {f"keyfold_{name}" for name in shims} == declared
    called = set(re.findall(r"\bC\.kf_(\w+)\(", go.native(model)))
    assert called == shims


def test_every_function_has_argument_and_result_types_for_ctypes(model: Header) -> None:
    """T-64: without them ctypes takes every pointer for an int and cuts it."""
    found = re.findall(
        r'bind\(\n    "(\w+)",\n    ([\w.]+),\n    \[(.*?)\],\n    (\w+),\n\)',
        python.native(model),
        re.DOTALL,
    )
    assert len(found) == len(model.functions)
    for name, result, arguments, check in found:
        function = next(f for f in model.functions if f.name == name)
        assert arguments.count(",\n") == len(function.params)
        assert (check == "_check") == function.fallible
        assert (result == "None") == (function.returns == Type("void"))


def test_every_status_is_in_the_table_of_errors(model: Header) -> None:
    table = c.error_table(model)
    enum = model.enum("keyfold_status")
    assert enum is not None
    for value in enum.values:
        assert f"| {value.number} | `{value.name.removeprefix('KEYFOLD_STATUS_')}` |" in table


# Another parser reads the same.


def test_pycparser_reads_the_same_signatures_and_values(model: Header) -> None:
    pycparser = pytest.importorskip("pycparser")
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler to preprocess with")
    plain = re.sub(r"^#include.*$", "", HEADER.read_text(), flags=re.MULTILINE)
    types = "".join(f"typedef {size} {name};" for name, size in _PLAIN.items())
    flags = ["-E", "-P", "-xc", "-", "-U__GNUC__", "-DUINTPTR_MAX=0xFFFFFFFFFFFFFFFF"]
    done = subprocess.run(
        [compiler, *flags], input=types + "\n" + plain, capture_output=True, text=True, check=True
    )
    tree = pycparser.CParser().parse(done.stdout)
    functions, structs, enums = {}, {}, {}
    for node in tree.ext:
        kind = type(node.type).__name__
        if kind == "FuncDecl":
            arguments = [_read(p.type) for p in (node.type.args.params if node.type.args else [])]
            functions[node.name] = (_read(node.type.type), [a for a in arguments if a != "void"])
        elif kind == "Enum":
            enums[node.type.name] = {e.name: int(e.value.value) for e in node.type.values.enumerators}
        elif kind == "TypeDecl" and type(node.type.type).__name__ == "Struct" and node.type.type.decls:
            structs[node.name] = [(d.name, _read(d.type)) for d in node.type.type.decls]
    assert functions == {f.name: (str(f.returns), [str(p.type) for p in f.params]) for f in model.functions}
    assert enums == {e.name: {v.name: v.number for v in e.values} for e in model.enums}
    assert structs == {
        s.name: [(f.name, f"{f.type}[{f.count}]" if f.count else str(f.type)) for f in s.fields]
        for s in model.structs
    }


_PLAIN = {
    "uint8_t": "unsigned char",
    "uint32_t": "unsigned int",
    "uint64_t": "unsigned long",
    "int32_t": "int",
    "size_t": "unsigned long",
}


def _read(node) -> str:  # type: ignore[no-untyped-def]
    """A pycparser type as the model prints it."""
    kind = type(node).__name__
    if kind == "Typename":
        return _read(node.type)
    if kind == "ArrayDecl":
        return f"{_read(node.type)}[{node.dim.value}]"
    pointers, inner = 0, False
    while type(node).__name__ == "PtrDecl":
        pointers += 1
        inner = inner or "const" in node.quals
        node = node.type
    base = node.type.name if type(node.type).__name__ == "Struct" else " ".join(node.type.names)
    return str(Type(base, pointers, "const" in node.quals, inner))


# What Go must be promised.


def test_no_go_call_can_lose_its_handles_owner(model: Header) -> None:
    """T-70. Seen failing with the KeepAlive line taken out of `_handle` in go.py."""
    handles = 0
    for body in re.findall(r"^func native.*?^}", go.native(model), re.MULTILINE | re.DOTALL):
        head, _, rest = body.partition("{\n")
        for name in re.findall(r"(\w+) (?:\[\])?\*\w+Handle\b", head):
            handles += 1
            after = rest[rest.rindex("C.kf_") :]
            assert f"runtime.KeepAlive({name})" in after, f"{head}: {name} may be collected during the call"
    assert handles > 40


def test_every_go_call_is_marked_as_one_that_never_calls_back_but_those_with_a_source(model: Header) -> None:
    """T-72: a marked call that does call back kills the program; arguments of an unmarked one are not on the stack, which
    may move while Go runs.

    So Go gives C one function of its own to call, that of readers; its sinks and progress are C functions.
    """
    made = go.native(model)
    unmarked = 0
    for function in model.functions:
        name = "kf_" + function.name.removeprefix("keyfold_")
        source = "source" in function.doc.tags["callback"]
        assert (f"#cgo noescape {name}\n" in made) is (not source), name
        assert (f"#cgo nocallback {name}\n" in made) is (not source), name
        unmarked += source
        takes = any(p.type.base in ("keyfold_source_callback", "keyfold_pread_callback") for p in function.params)
        assert source or not takes or function.name.startswith("keyfold_stream_"), name
    assert unmarked
    exporting = [p.name for p in (ROOT / "bindings/go").rglob("*.go") if "//export" in p.read_text()]
    assert exporting in ([], ["readat.go"])


def test_structs_with_callbacks_are_handed_on_by_their_address(model: Header) -> None:
    work = model.struct("keyfold_work")
    assert work is not None and layout.struct_size(model, work) == 40
    assert layout.offsets(model, work)["progress"] == 24
    made = go.native(model)
    assert "type nativeWork struct" not in made and "work *C.keyfold_work" in made
    assert "options.work = options_work;" in made
    made = python.native(model)
    assert '("progress", ProgressCallback)' in made and '("work", ctypes.POINTER(Work))' in made
    assert made.index("ProgressCallback = ") < made.index("class Work(")


def test_a_function_pointer_type_is_read_and_reaches_every_language(model: Header) -> None:
    callback = model.callback("keyfold_trail_callback")
    assert callback is not None
    assert [str(p.type) for p in callback.params] == ["void *", "const uint8_t *", "size_t"]
    assert "TrailCallback = ctypes.CFUNCTYPE(ctypes.c_int32, " in python.native(model)
    assert "TrailRelease = ctypes.CFUNCTYPE(None, ctypes.c_void_p)" in python.native(model)
    assert "callback C.keyfold_trail_callback" in go.native(model)
    assert "keyfold_trail_add_callback(const keyfold_store *, keyfold_trail_callback, void *," in c.abi_check(
        model
    )


# What it refuses. Every message names the line.

_STATUS = """\
/**
 * What a call came to.
 */
enum keyfold_status {
    /** Done. */
    KEYFOLD_STATUS_OK = 0,
%s};
typedef int32_t keyfold_status;
"""


def _header(
    tags: str = "@param data [in, bytes(data_len)]",
    params: str = "const uint8_t *data, size_t data_len",
    **also: str,
) -> str:
    """A header of one function that is right unless a test makes it wrong."""
    enum = header.read(HEADER).enum("keyfold_status")
    assert enum is not None
    rows = "".join(
        f"    /** A status. */ {v.name} = {v.number},\n" for v in enum.values if v.number and _wanted(v.name)
    )
    last = also.get("last", f"@errors {also.get('errors', 'none')} @threads any @since 0.1")
    callback = also.get("callback", "never")
    extra = also.get("extra", "/** A key. */\ntypedef struct keyfold_key keyfold_key;\n")
    comment = f"/**\n * Does a thing.\n *\n * {tags}\n * {last} @callback {callback}\n */\n"
    comment = also.get("comment", comment)
    return f"{_STATUS % rows}{extra}{comment}keyfold_status keyfold_probe({params});\n"


def _wanted(name: str) -> bool:
    return name.removeprefix("KEYFOLD_STATUS_") in statuses.REACTIONS


def _line(text: str, what: str) -> int:
    return next(i for i, line in enumerate(text.split("\n"), 1) if what in line)


def test_the_probe_is_right_when_nothing_is_wrong_with_it() -> None:
    made = header.parse(_header())
    assert [f.name for f in made.functions] == ["keyfold_probe"]


@pytest.mark.parametrize(
    ("text", "at", "says"),
    [
        (_header(comment=""), "keyfold_probe", "no doc comment"),
        (_header(tags=""), "keyfold_probe", "@param data is missing"),
        (_header(last="@errors none @threads any"), "keyfold_probe", "@since is missing"),
        (_header(last="@errors none @since 0.1"), "keyfold_probe", "@threads is missing"),
        (_header(last="@threads any @since 0.1"), "keyfold_probe", "@errors is missing"),
        (_header(errors="NO_SUCH_THING"), "keyfold_probe", "NO_SUCH_THING, which is no status"),
        (_header(callback="sometimes"), "keyfold_probe", "@callback sometimes is not one of"),
        (_header(tags="@nonsense x"), "@nonsense", "unknown tag @nonsense"),
        (_header(tags="@param data bytes"), "@param", "needs a name and [roles]"),
        (_header(tags="@param date [in, bytes(data_len)]"), "@param", "date is no parameter"),
        (_header(tags="@param data [in, bytes(size)]"), "@param", "size is no size_t parameter"),
        (_header(tags="@param data [in, bites(data_len)]"), "@param", "unknown role 'bites(data_len)'"),
        (_header(tags="@param data [out, bytes(data_len)]"), "keyfold_probe", "does not fit [out]"),
        (_header(tags="@param data [in]"), "keyfold_probe", "needs bytes(LENGTH)"),
        # Bytes of the caller's as const char *: ctypes' c_char_p would stop at a NUL.
        (
            _header(params="const char *data, size_t data_len"),
            "keyfold_probe",
            "const char * must be [text]",
        ),
        (_header(tags="@param n [in]", params="long n"), "keyfold_probe", "unknown type long"),
        (_header(tags="@param n [in]", params="keyfold_key n"), "keyfold_probe", "only ever a pointer"),
        (_header(tags="@param n [in]", params="bool n"), "keyfold_probe", "unknown type bool"),
        (
            _header(tags="@param n [in]", params="uint32_t n, ..."),
            "keyfold_probe",
            "unexpected character '.'",
        ),
        (
            _header(tags="@param key [in, shared]", params="keyfold_key *key"),
            "keyfold_probe",
            "const says shared, and the tag says otherwise",
        ),
        (_header(tags="@param key [in]", params="const keyfold_key *key"), "keyfold_probe", "[in, shared]"),
        (_header(tags="@param key [out]", params="keyfold_key **key"), "keyfold_probe", "[out, handle]"),
        (_header(extra="typedef struct keyfold_key keyfold_key;\n"), "typedef struct", "no doc comment"),
        (
            _header(extra="/** A. */\ntypedef struct { uint32_t size; uint32_t flag : 1; } keyfold_a;\n"),
            "uint32_t flag",
            "';' is expected, not ':'",
        ),
        (_header(extra="#warning careful\n"), "#warning", "unknown directive #warning"),
        (_header(extra="enum keyfold_a { KEYFOLD_A_X };\n"), "enum keyfold_a", "has no number"),
        (_header(extra="/** A. */\nenum keyfold_a { KEYFOLD_A_X = 0 };\n"), "enum keyfold_a", "no typedef"),
        (_header(extra="extern int keyfold_global;\n"), "extern", "extern other than"),
        (_header(extra="union keyfold_u;\n"), "union", "unknown type union"),
    ],
)
def test_what_the_generator_does_not_know_is_an_error_that_names_the_line(
    text: str, at: str, says: str
) -> None:
    with pytest.raises(HeaderError) as caught:
        header.parse(text)
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"keyfold.h:{_line(text, at)}: ")


def test_hidden_padding_in_a_struct_is_an_error() -> None:
    text = _header(extra="/** A. */\ntypedef struct { uint32_t size; uint64_t at; } keyfold_a;\n")
    model = header.parse(text)
    with pytest.raises(HeaderError, match="keyfold_a.at has hidden padding"):
        layout.offsets(model, model.structs[0])


def test_a_status_of_a_new_category_is_an_error() -> None:
    text = _header().replace("/** Done. */", "/** Odd. */ KEYFOLD_STATUS_ODD = 700, /** Done. */")
    with pytest.raises(HeaderError, match="category the bindings do not know"):
        statuses.statuses(header.parse(text))


def test_a_status_that_the_bindings_react_to_cannot_go() -> None:
    text = re.sub(r".*KEYFOLD_STATUS_AUTH .*\n", "", _header())
    with pytest.raises(HeaderError, match="AUTH, which is no status"):
        statuses.statuses(header.parse(text))
