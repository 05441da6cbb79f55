"""Checks that the tags of every function fit its C types, and writes them into the model."""

from __future__ import annotations

import re
from typing import Callable

from .model import Doc, Function, Header, HeaderError, Param, Type

# Roles a parameter may have; the first comment of keyfold.h explains them.
DIRECTIONS = ("in", "out", "inout")
ROLES = {"shared", "exclusive", "handle", "closes", "nullable", "nullable-if-0", "text", "buffer", "result"}
ROLES_WITH_LENGTH = {"bytes", "array", "text"}
THREADS = {"any", "one"}
# What a call may call back: nothing; as any call on a store or key may, a host's own sink of the trail; the source of a
# stream or reader; or the progress of a keyfold_work.
CALLBACK = {"never", "sink", "source", "progress"}

LENGTH = re.compile(r"(\w+)\((\w+)( \+ 1)?\)")
Fail = Callable[..., HeaderError]


def check(header: Header) -> None:
    """Checks the whole model; the first thing that does not fit is an error that names its line."""
    for enum in header.enums:
        if not enum.type:
            raise HeaderError(header.path, enum.line, f"enum {enum.name} has no typedef that fixes its width")
    for opaque in header.opaques:
        _documented(header, opaque.name, opaque.doc, opaque.line)
    for callback in header.callbacks:
        _documented(header, callback.name, callback.doc, callback.line)
    for struct in header.structs:
        _documented(header, struct.name, struct.doc, struct.line)
    names = {v.name for e in header.enums for v in e.values}
    for function in header.functions:
        _function(header, function, names)


def _documented(header: Header, name: str, doc: Doc, line: int) -> None:
    if not doc.summary:
        raise HeaderError(header.path, line, f"{name} has no doc comment")


def _function(header: Header, function: Function, names: set[str]) -> None:
    def fail(message: str, line: int = 0) -> HeaderError:
        return HeaderError(header.path, line or function.line, f"{function.name}: {message}")

    doc = function.doc
    _documented(header, function.name, doc, function.line)
    for tag in ("threads", "callback", "since"):
        if tag not in doc.tags:
            raise fail(f"@{tag} is missing")
    if doc.tags["threads"].split()[0] not in THREADS:
        raise fail(f"@threads {doc.tags['threads']} is not one of {', '.join(sorted(THREADS))}")
    callbacks = [one.strip() for one in doc.tags["callback"].split(",")]
    if not set(callbacks) <= CALLBACK or ("never" in callbacks and len(callbacks) > 1):
        raise fail(f"@callback {doc.tags['callback']} is not one of {', '.join(sorted(CALLBACK))}")
    if not re.fullmatch(r"\d+\.\d+(\.\d+)?", doc.tags["since"]):
        raise fail(f"@since {doc.tags['since']} is not a version")
    if function.fallible and "errors" not in doc.tags:
        raise fail("@errors is missing")
    for error in doc.errors:
        if f"KEYFOLD_STATUS_{error}" not in names:
            raise fail(f"@errors names {error}, which is no status")

    _lengths(function, fail)
    for name, (roles, text, line) in doc.params.items():
        param = next((p for p in function.params if p.name == name), None)
        if param is None:
            raise fail(f"@param {name} is no parameter", line)
        param.text = text
        _roles(param, roles, fail, line)
    for param in function.params:
        if param.name not in doc.params and not param.length_of:
            raise fail(f"@param {param.name} is missing", param.line)
        _fits(header, param, fail)


def _lengths(function: Function, fail: Fail) -> None:
    for name, (roles, _, line) in function.doc.params.items():
        for role in roles:
            match = LENGTH.fullmatch(role)
            if match is None or match.group(2).isdigit():
                continue
            length = next((p for p in function.params if p.name == match.group(2)), None)
            if length is None or length.type != Type("size_t"):
                raise fail(f"@param {name}: {match.group(2)} is no size_t parameter", line)
            length.length_of = length.length_of or name


def _roles(param: Param, roles: list[str], fail: Fail, line: int) -> None:
    if roles[0] not in DIRECTIONS:
        raise fail(f"@param {param.name}: the first role is in, out or inout, not {roles[0]!r}", line)
    param.direction = roles[0]
    found = set()
    for role in roles[1:]:
        match = LENGTH.fullmatch(role)
        if match and match.group(1) in ROLES_WITH_LENGTH:
            param.length, param.one_more = match.group(2), bool(match.group(3))
            found.add(match.group(1))
        elif role in ROLES:
            found.add(role)
        else:
            raise fail(f"@param {param.name}: unknown role {role!r}", line)
    param.roles = frozenset(found)


def _fits(header: Header, param: Param, fail: Fail) -> None:
    """C's own words must agree with the tag: a generator that trusts one of them would lie for the other."""
    type_, name, line = param.type, param.name, param.line
    if type_.pointers == 0:
        if param.direction != "in" or param.roles:
            raise fail(f"@param {name}: {type_} is passed by value; its only role is [in]", line)
        return
    if type_.base == "void":
        if param.direction != "in" or param.roles or type_.pointers != 1:
            raise fail(f"@param {name}: {type_} is only handed on; its only role is [in]", line)
        return
    if header.is_opaque(type_.base):
        _handle(param, fail)
        return
    if type_.const != (param.direction == "in"):
        raise fail(f"@param {name}: {type_} does not fit [{param.direction}]", line)
    if type_.pointers == 2:
        raise fail(
            f"@param {name}: {type_} is a pointer to a pointer of a kind the wrappers cannot make", line
        )
    struct = header.struct(type_.base)
    if type_.base == "char":
        if param.direction == "in" and (not param.has("text") or param.length):
            raise fail(
                f"@param {name}: const char * must be [text], UTF-8 that ends in NUL; bytes with a length are"
                " const uint8_t *, for a NUL among them would cut them short",
                line,
            )
        if param.direction != "in" and not (param.has("text") and param.length):
            raise fail(f"@param {name}: {type_} needs text(LENGTH)", line)
    elif type_.base == "uint8_t" and not param.has("bytes"):
        raise fail(f"@param {name}: {type_} needs bytes(LENGTH)", line)
    elif struct and param.direction == "out":
        owned = any(f.type.pointers for f in struct.fields)
        if not param.has("array") and not param.has("buffer" if owned else "result"):
            raise fail(f"@param {name}: {type_} needs [out, {'buffer' if owned else 'result'}]", line)


def _handle(param: Param, fail: Fail) -> None:
    shared, exclusive = param.has("shared"), param.has("exclusive")
    if param.has("array"):
        if not param.type.const_inner or param.direction != "in" or not shared:
            raise fail(f"@param {param.name}: an array of handles is [in, shared, array(N)]", param.line)
    elif param.type.pointers == 2:
        if param.direction != "out" or not param.has("handle"):
            raise fail(f"@param {param.name}: a new handle is [out, handle]", param.line)
    elif param.has("closes"):
        if param.type.const:
            raise fail(f"@param {param.name}: a handle that is closed is not const", param.line)
    elif shared == exclusive:
        raise fail(
            f"@param {param.name}: a handle is [in, shared], [in, exclusive] or [in, closes]", param.line
        )
    elif shared != param.type.const:
        raise fail(f"@param {param.name}: const says shared, and the tag says otherwise", param.line)
