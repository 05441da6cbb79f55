"""Writes ``bindings/python/keyfold/_native.py``: what ctypes must be told of the C interface, all of it explicit."""

from __future__ import annotations

import textwrap

from .model import Callback, Doc, Enum, Function, Header, Opaque, Param, Struct, Type
from .statuses import CATEGORIES, statuses

WIDTH = 110

CTYPES = {
    "uint8_t": "ctypes.c_uint8",
    "uint16_t": "ctypes.c_uint16",
    "uint32_t": "ctypes.c_uint32",
    "uint64_t": "ctypes.c_uint64",
    "int32_t": "ctypes.c_int32",
    "int64_t": "ctypes.c_int64",
    "size_t": "ctypes.c_size_t",
}

HEAD = '''\
# Written by bindings/generate from include/keyfold.h; do not edit.
"""The C interface of Keyfold as ctypes sees it; for `keyfold/__init__.py` alone."""

from __future__ import annotations

import ctypes
import enum
from typing import Any, Callable

from ._library import Encoded, Unsigned, bind, checked_unsigned, encoded, require_abi

'''

ERRORS_HEAD = '''

class KeyfoldError(Exception):
    """What a call came to when it did not do what it says."""

    index: int | None = None
    """Of a batch, the message at which it failed; None where it was not one message."""

    def __init__(self, status: int, detail: str = "") -> None:
        self.status: int = Status(status) if status in _STATUSES else status
        self.detail = detail
        super().__init__(detail or _text(keyfold_status_text, status))

    @property
    def name(self) -> str:
        """The stable name of the status, such as `KEY_DISABLED`; for logs and for programs."""
        return _text(keyfold_status_name, int(self.status))

    @property
    def hint(self) -> str:
        """A sentence that says what the status means and what to do."""
        return _text(keyfold_status_text, int(self.status))

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later without anything being mended."""
        return bool(keyfold_status_retryable(int(self.status)))

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (int(self.status), self.detail))
'''

CHECK = '''

_STATUSES = frozenset(int(status) for status in Status)


def error(status: int) -> KeyfoldError:
    """The exception for a status, with the detail that this thread's last call left."""
    buffer = ctypes.create_string_buffer(ERROR_SIZE)
    keyfold_last_error(ctypes.addressof(buffer), ERROR_SIZE, ctypes.c_size_t())
    kind = _CLASSES.get(status) or _CATEGORIES.get(status // 100, KeyfoldError)
    return kind(status, buffer.value.decode("utf-8", "replace"))


def _text(call: Callable[[int], bytes | None], status: int) -> str:
    return (call(status) or b"").decode("utf-8")


def _check(status: int, _function: Any, _arguments: Any) -> None:
    if status:
        raise error(status)

'''


def native(header: Header) -> str:
    """The whole file."""
    parts = [HEAD]
    parts += [f"{_plain(m.name)} = {m.text}\n{_doc(m.doc)}" for m in header.macros if m.number is not None]
    parts += [_enum(e) for e in header.enums]
    parts += [ERRORS_HEAD, _error_classes(header)]
    parts += [_opaque(o) for o in header.opaques]
    parts += [_callback(c) for c in header.callbacks]
    parts += [_struct(header, s) for s in header.structs]
    parts += [CHECK]
    parts += [_function(header, f) for f in header.functions]
    parts += ["\nrequire_abi(keyfold_abi_version(), ABI_VERSION)\n"]
    return "".join(parts)


def _plain(name: str) -> str:
    """A C name without its prefix."""
    return name.removeprefix("keyfold_").removeprefix("KEYFOLD_")


def class_name(name: str) -> str:
    """The Python class of a C type."""
    return "".join(word.capitalize() for word in _plain(name).split("_"))


def _doc(doc: Doc, indent: str = "", extra: list[str] | None = None) -> str:
    """A docstring that black leaves alone."""
    blocks = [
        textwrap.fill(p.replace("\\", "\\\\"), WIDTH - len(indent) - 6) for p in [doc.summary, *doc.body] if p
    ]
    text = "\n\n".join(blocks)
    if extra:
        text += "\n\n" + "\n".join(extra)
    if not text:
        return ""
    if "\n" not in text:
        return f'{indent}"""{text}"""\n'
    return textwrap.indent(f'"""{text}\n"""', indent) + "\n"


def _enum(enum: Enum) -> str:
    out = [f"\n\nclass {class_name(enum.name)}(enum.IntEnum):\n", _doc(enum.doc, "    ")]
    prefix = enum.name.upper() + "_"
    for value in enum.values:
        out.append(f"\n    {value.name.removeprefix(prefix)} = {value.number}\n{_doc(value.doc, '    ')}")
    return "".join(out)


def _error_classes(header: Header) -> str:
    out, classes, seen = [], [], set()
    for number, (what, name, _) in CATEGORIES.items():
        out.append(f'\n\nclass {name}(KeyfoldError):\n    """Statuses {number}xx: {what}."""\n')
    for status in statuses(header):
        general = CATEGORIES.get(status.category, ("", "KeyfoldError", ""))[1]
        if status.number == 0 or status.python == general:
            continue
        bases = f"{general}, {status.python_base}" if status.python_base else general
        doc = Doc(summary=f"{status.name}: {status.meaning}")
        if status.python not in seen:
            out.append(f"\n\nclass {status.python}({bases}):\n{_doc(doc, '    ')}")
            seen.add(status.python)
        classes.append(f"    {status.number}: {status.python},\n")
    out.append("\n\n_CLASSES: dict[int, type[KeyfoldError]] = {\n" + "".join(classes) + "}\n")
    out.append("_CATEGORIES: dict[int, type[KeyfoldError]] = {\n")
    out += [f"    {number}: {name},\n" for number, (_, name, _) in CATEGORIES.items()]
    out.append("}\n")
    return "".join(out)


def _opaque(opaque: Opaque) -> str:
    name = class_name(opaque.name)
    return (
        f"\n\nclass {name}(ctypes.Structure):\n{_doc(opaque.doc, '    ')}"
        f'\n\n{name}Handle = ctypes.POINTER({name})\n{name}Ref = "ctypes._Pointer[{name}]"\n'
    )


def _callback(callback: Callback) -> str:
    """A function pointer type. Its pointers arrive as addresses, or None for NULL."""
    name = class_name(callback.name)
    types = [*([callback.returns] if callback.returns != Type("void") else []), *(p.type for p in callback.params)]
    ctypes = ["ctypes.c_void_p" if t.pointers else CTYPES[t.base] for t in types]
    if callback.returns == Type("void"):
        ctypes.insert(0, "None")
    line = f"{name} = ctypes.CFUNCTYPE({', '.join(ctypes)})"
    if len(line) > WIDTH:
        line = f"{name} = ctypes.CFUNCTYPE(\n    {', '.join(ctypes)}\n)"
    return f"\n\n{line}\n{_doc(callback.doc)}"


def _struct(header: Header, struct: Struct) -> str:
    name = class_name(struct.name)
    out = [f"\n\nclass {name}(ctypes.Structure):\n", _doc(struct.doc, "    "), "\n    _fields_ = [\n"]
    for field in struct.fields:
        ctype = _field_type(header, field.type)
        out.append(f'        ("{field.name}", {ctype}{f" * {field.count}" if field.count else ""}),\n')
    out.append("    ]\n")
    for field in struct.fields:
        out.append(f"\n    {field.name}: {_field_hint(header, field.type, field.count)}\n{_doc(field.doc, '    ')}")
    if struct.is_options:
        out.append(_options_init(header, struct))
    return "".join(out)


def _field_type(header: Header, type_: Type) -> str:
    enum = header.enum(type_.base)
    if header.callback(type_.base):
        return class_name(type_.base)
    if header.struct(type_.base):  # keeps what it points to
        return f"ctypes.POINTER({class_name(type_.base)})"
    if type_.pointers:
        return "ctypes.c_char_p" if type_.base == "char" else "ctypes.c_void_p"
    return CTYPES[enum.type if enum else type_.base]


def _field_hint(header: Header, type_: Type, count: int) -> str:
    if count:
        return f"ctypes.Array[{CTYPES[type_.base]}]"
    if header.callback(type_.base):
        return "Any"
    if header.struct(type_.base):
        return f'"ctypes._Pointer[{class_name(type_.base)}]"'
    if type_.pointers:
        return "bytes | None" if type_.base == "char" else "int | None"
    return "int"


def _option_hint(header: Header, type_: Type) -> str:
    if type_.base == "char":
        return "str | None = None"
    if header.struct(type_.base):
        return f"{class_name(type_.base)} | None = None"
    if header.callback(type_.base):
        return "Any = None"
    return "int | None = None" if type_.pointers else "int = 0"


def _options_init(header: Header, struct: Struct) -> str:
    """A constructor that sets the size and refuses what does not fit a field (ctypes would cut it)."""
    fields = [f for f in struct.fields[1:] if not f.count and f.name != "reserved"]
    params = [f"{f.name}: {_option_hint(header, f.type)}" for f in fields]
    out = (
        ["\n    def __init__(\n        self,\n        *,\n"]
        if params
        else ["\n    def __init__(self) -> None:\n"]
    )
    if params:
        out += [f"        {p},\n" for p in params] + ["    ) -> None:\n"]
    out.append("        super().__init__(ctypes.sizeof(type(self)))\n")
    for f in fields:
        if f.type.base == "char":
            out.append(f"        self.{f.name} = None if {f.name} is None else encoded({f.name})\n")
        elif header.struct(f.type.base):
            out.append(f"        if {f.name} is not None:\n            self.{f.name} = ctypes.pointer({f.name})\n")
        elif header.callback(f.type.base):
            out.append(f"        if {f.name} is not None:\n            self.{f.name} = {f.name}\n")
        elif f.type.pointers:
            out.append(f"        self.{f.name} = {f.name}\n")
        else:
            bits = int(f.type.base.strip("uint_"))
            out.append(f'        self.{f.name} = checked_unsigned("{f.name}", {f.name}, {bits})\n')
    return "".join(out)


def _function(header: Header, function: Function) -> str:
    hints = "".join(f"        {_hint(header, p)},\n" for p in function.params)
    types = "".join(f"        {_argtype(header, p)},\n" for p in function.params)
    hint_list = f"[\n{hints}    ]" if hints else "[]"
    type_list = f"[\n{types}    ]" if types else "[]"
    returns, restype, check = _result(header, function)
    errors = f"Raises for: {', '.join(function.doc.errors)}." if function.doc.errors else ""
    extra = [
        *(_parameter_line(p) for p in function.params if not p.length_of),
        *([""] if function.params and errors else []),
        *textwrap.wrap(errors, WIDTH),
        f"Threads: {function.doc.tags['threads']}. Since {function.doc.tags['since']}.",
    ]
    extra = [line for part in extra for line in part.split("\n")]
    return (
        f"\n{function.name}: Callable[\n    {hint_list},\n    {returns},\n] = bind(\n"
        f'    "{function.name}",\n    {restype},\n    {type_list},\n    {check},\n)\n'
        f"{_doc(function.doc, '', extra)}"
    )


def _parameter_line(param: Param) -> str:
    roles = ", ".join([param.direction, *sorted(param.roles)])
    line = f"{param.name} [{roles}]{f': {param.text}' if param.text else ''}"
    return textwrap.fill(line, WIDTH, initial_indent="- ", subsequent_indent="  ")


def _result(header: Header, function: Function) -> tuple[str, str, str]:
    returns = function.returns
    if function.fallible:
        return "None", "ctypes.c_int32", "_check"
    if returns == Type("void"):
        return "None", "None", "None"
    if returns == Type("char", 1, True):
        return "bytes | None", "ctypes.c_char_p", "None"
    enum = header.enum(returns.base)
    return "int", CTYPES[enum.type if enum else returns.base], "None"


def _argtype(header: Header, param: Param) -> str:
    type_, base = param.type, param.type.base
    if header.callback(base):
        return class_name(base)
    if base == "char" and param.direction == "in":
        return "ctypes.c_char_p"
    if base in ("uint8_t", "char", "void") and type_.pointers == 1:
        return "ctypes.c_void_p"
    if header.is_opaque(base):
        handle = f"{class_name(base)}Handle"
        return handle if type_.pointers == 1 else f"ctypes.POINTER({handle})"
    if header.struct(base):
        return f"ctypes.POINTER({class_name(base)})"
    enum = header.enum(base)
    plain = CTYPES[enum.type if enum else base]
    return f"ctypes.POINTER({plain})" if type_.pointers else plain


def _hint(header: Header, param: Param) -> str:
    type_, base = param.type, param.type.base
    optional = " | None" if param.has("nullable") or param.has("nullable-if-0") else ""
    if header.callback(base):
        return "Any"
    if base == "void":
        return "int | None"
    if base == "char" and param.direction == "in":
        return f"Encoded{optional}"  # only `encoded` makes one, and refuses NUL
    if base in ("uint8_t", "char") and type_.pointers == 1:
        return "bytes | int | None"
    if header.is_opaque(base):
        if param.has("array"):
            return f'"ctypes.Array[ctypes._Pointer[{class_name(base)}]]"'
        return f'"ctypes._Pointer[{class_name(base)}]{" | None" if param.has("closes") else optional}"'
    if header.struct(base):
        name = class_name(base)
        return f'"ctypes.Array[{name}]{optional}"' if param.has("array") else f'"{name}{optional}"'
    enum = header.enum(base)
    plain = CTYPES[enum.type if enum else base]
    if type_.pointers:
        return f'"ctypes.Array[{plain}]{optional}"' if param.has("array") else f'"{plain}{optional}"'
    # ctypes cuts numbers that do not fit: those of the caller's go through `checked_unsigned`.
    return "int" if param.length_of or enum or plain == "ctypes.c_int32" else "Unsigned"
