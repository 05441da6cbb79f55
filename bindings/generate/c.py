"""Writes what C itself needs: the assertions in ``tests/c/abi_check.c``, the export list, and the error table."""

from __future__ import annotations

import textwrap

from . import layout
from .model import SCALARS, Header
from .statuses import statuses

BEGIN, END = "<!-- errors: begin (written by bindings/generate) -->", "<!-- errors: end -->"


def abi_check(header: Header) -> str:
    """A C file that compiles only where every size, offset, value and signature is the one the bindings assume."""
    out = [
        "/* Written by bindings/generate from include/keyfold.h; do not edit.",
        " *",
        " * Compiles (as C11 and as C++17) only where the compiler gives every type, field and constant the size, offset",
        " * and value that the Python and Go bindings were generated with; runs only against a library of this ABI. */",
        "#include <stddef.h>",
        "#include <stdint.h>",
        "#include <stdio.h>",
        "",
        '#include "keyfold.h"',
        "",
        "#ifdef __cplusplus",
        "#define SAME(what, value) static_assert((what) == (value), #what)",
        "#define FIELD(type, field) sizeof(static_cast<type *>(nullptr)->field)",
        "#else",
        "#define SAME(what, value) _Static_assert((what) == (value), #what)",
        "#define FIELD(type, field) sizeof(((type *)0)->field)",
        "#endif",
        "",
        "SAME(sizeof(void *), 8);",
        "",
    ]
    for macro in header.macros:
        if macro.number is not None:
            out.append(f"SAME({macro.name}, {macro.number});")
    for enum in header.enums:
        out += ["", f"SAME(sizeof({enum.name}), {SCALARS[enum.type]});"]
        out += [f"SAME({value.name}, {value.number});" for value in enum.values]
    for struct in header.structs:
        out += ["", f"SAME(sizeof({struct.name}), {layout.struct_size(header, struct)});"]
        for field, offset in layout.offsets(header, struct).items():
            size = next(
                layout.size_of(header, f.type) * max(f.count, 1) for f in struct.fields if f.name == field
            )
            out.append(f"SAME(offsetof({struct.name}, {field}), {offset});")
            out.append(f"SAME(FIELD({struct.name}, {field}), {size});")
    out += ["", "/* Every function, declared as the bindings call it: another type is a conflict. */"]
    out += ["#ifdef __cplusplus", 'extern "C" {', "#endif"]
    for function in header.functions:
        params = ", ".join(str(p.type) for p in function.params) or "void"
        line = f"{function.returns}{'' if function.returns.pointers else ' '}{function.name}({params});"
        out.append(textwrap.fill(line, 110, subsequent_indent="    "))
    out += [
        "#ifdef __cplusplus",
        "}",
        "#endif",
        "",
        "int main(void)",
        "{",
        "    if (keyfold_abi_version() != KEYFOLD_ABI_VERSION) {",
        '        fprintf(stderr, "the library has ABI %u, the header %u\\n", (unsigned)keyfold_abi_version(),',
        "                (unsigned)KEYFOLD_ABI_VERSION);",
        "        return 1;",
        "    }",
        "    return 0;",
        "}",
        "",
    ]
    return "\n".join(out)


def exports(header: Header) -> str:
    """The symbols the libraries show, one a line, sorted."""
    return "".join(f"{name}\n" for name in sorted(f.name for f in header.functions))


def error_table(header: Header) -> str:
    """The table of statuses for docs/ABI.md, between its markers."""
    rows = [
        "| number | name | meaning | again | Python | Go |",
        "|---|---|---|---|---|---|",
    ]
    for status in statuses(header):
        if status.number == 0:
            rows.append(f"| 0 | `OK` | {status.meaning} | | | |")
            continue
        again = "yes" if status.retryable else ""
        rows.append(
            f"| {status.number} | `{status.name}` | {status.meaning} | {again} | `{status.python}` | `{status.go}` |"
        )
    return "\n".join([BEGIN, *rows, END])


def with_error_table(header: Header, document: str) -> str:
    """docs/ABI.md with its table written anew."""
    begin, end = document.find(BEGIN), document.find(END)
    if begin < 0 or end < begin:
        raise SystemExit(f"docs/ABI.md has no table between {BEGIN!r} and {END!r}")
    return document[:begin] + error_table(header) + document[end + len(END) :]
