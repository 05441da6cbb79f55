"""Sizes and offsets of structs on the 64-bit targets the library supports (LP64, natural alignment)."""

from __future__ import annotations

from .model import SCALARS, Header, HeaderError, Struct, Type


def size_of(header: Header, type_: Type) -> int:
    """Bytes of a value of this type."""
    if type_.pointers or header.callback(type_.base):
        return 8
    if type_.base in SCALARS:
        return SCALARS[type_.base]
    enum, struct = header.enum(type_.base), header.struct(type_.base)
    if enum:
        return SCALARS[enum.type]
    if struct:
        return struct_size(header, struct)
    raise HeaderError(header.path, 1, f"no size for {type_}")


def _alignment(header: Header, type_: Type) -> int:
    struct = header.struct(type_.base) if not type_.pointers else None
    if struct:
        return max(_alignment(header, f.type) for f in struct.fields)
    return size_of(header, type_)


def offsets(header: Header, struct: Struct) -> dict[str, int]:
    """Offset of every field. Hidden padding is an error: it must be a field, so that it can be checked for zero."""
    at, found = 0, {}
    for field in struct.fields:
        alignment = _alignment(header, field.type)
        if at % alignment:
            raise HeaderError(
                header.path, field.line, f"{struct.name}.{field.name} has hidden padding before it"
            )
        found[field.name] = at
        at += size_of(header, field.type) * max(field.count, 1)
    if at % max(_alignment(header, f.type) for f in struct.fields):
        raise HeaderError(header.path, struct.line, f"{struct.name} has hidden padding at its end")
    return found


def struct_size(header: Header, struct: Struct) -> int:
    """Bytes of the struct."""
    last = struct.fields[-1]
    return offsets(header, struct)[last.name] + size_of(header, last.type) * max(last.count, 1)
