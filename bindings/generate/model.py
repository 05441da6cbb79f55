"""The model of the interface: what the parser makes of the header, and all that the emitters know."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# Fixed-width integers, sizes and characters: name -> bytes on the 64-bit targets the library supports.
SCALARS = {
    "uint8_t": 1,
    "uint16_t": 2,
    "uint32_t": 4,
    "uint64_t": 8,
    "int32_t": 4,
    "int64_t": 8,
    "size_t": 8,
    "char": 1,
}


class HeaderError(Exception):
    """Something in the header that the generator does not know, or misses; the message begins with the line."""

    def __init__(self, path: str, line: int, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}")
        self.line = line


@dataclass(frozen=True)
class Type:
    """A C type: a base name under zero, one or two pointers."""

    base: str
    pointers: int = 0
    const: bool = False
    const_inner: bool = False  # of two pointers, the first: const T *const *

    def __str__(self) -> str:
        stars = "*const *" if self.const_inner else "*" * self.pointers
        return f"{'const ' if self.const else ''}{self.base}{' ' if self.pointers else ''}{stars}"


@dataclass
class Param:
    """A parameter and the roles its tag gives it.

    `length` is what stands in ``bytes(…)``: a parameter, or a number; `one_more` when it is ``array(… + 1)``. A
    length parameter needs no tag of its own; its `length_of` names the first buffer it measures.
    """

    name: str
    type: Type
    line: int
    direction: str = "in"
    roles: frozenset[str] = frozenset()
    length: str = ""
    one_more: bool = False
    length_of: str = ""
    text: str = ""

    def has(self, role: str) -> bool:
        """Whether the tag gives this role."""
        return role in self.roles


@dataclass
class Doc:
    """A doc comment: first sentence, further paragraphs, tags."""

    summary: str = ""
    body: list[str] = field(default_factory=list)
    params: dict[str, tuple[list[str], str, int]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    line: int = 0


@dataclass
class Function:
    """An exported function."""

    name: str
    returns: Type
    params: list[Param]
    doc: Doc
    line: int
    must_use: bool = False

    @property
    def fallible(self) -> bool:
        """Whether it answers with a status."""
        return self.returns == Type("keyfold_status")

    def param(self, name: str) -> Param:
        """The parameter of this name."""
        return next(p for p in self.params if p.name == name)


@dataclass
class Field:
    """A field of a struct; `count` is its array length, 0 for a plain field."""

    name: str
    type: Type
    doc: Doc
    line: int
    count: int = 0


@dataclass
class Struct:
    """A transparent struct: options, a plain result, or a pair."""

    name: str
    fields: list[Field]
    doc: Doc
    line: int

    @property
    def is_options(self) -> bool:
        """Whether it is size-first (STYLE: options are versioned by their size)."""
        return self.fields[0].name == "size" and self.fields[0].type == Type("uint32_t")


@dataclass
class Value:
    """A value of an enumeration."""

    name: str
    number: int
    doc: Doc


@dataclass
class Enum:
    """An enumeration: an integer typedef beside its constants."""

    name: str
    type: str
    values: list[Value]
    doc: Doc
    line: int


@dataclass
class Opaque:
    """A handle kind: only ever a pointer."""

    name: str
    doc: Doc
    line: int


@dataclass
class Callback:
    """A function pointer type: what a host gives for the library to call."""

    name: str
    returns: Type
    params: list[Param]
    doc: Doc
    line: int


@dataclass
class Macro:
    """A constant macro: an integer, or the text of an initialiser."""

    name: str
    params: str
    text: str
    doc: Doc
    line: int

    @property
    def number(self) -> int | None:
        """Its value, when it is an integer."""
        return int(self.text, 0) if re.fullmatch(r"-?(0x[0-9a-fA-F]+|\d+)", self.text) else None


@dataclass
class Header:
    """The whole interface, in the header's order."""

    path: str
    text: str
    macros: list[Macro] = field(default_factory=list)
    enums: list[Enum] = field(default_factory=list)
    opaques: list[Opaque] = field(default_factory=list)
    callbacks: list[Callback] = field(default_factory=list)
    structs: list[Struct] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)

    def enum(self, name: str) -> Enum | None:
        """The enumeration of this name."""
        return next((e for e in self.enums if e.name == name), None)

    def struct(self, name: str) -> Struct | None:
        """The struct of this name."""
        return next((s for s in self.structs if s.name == name), None)

    def callback(self, name: str) -> Callback | None:
        """The function pointer type of this name."""
        return next((c for c in self.callbacks if c.name == name), None)

    def is_opaque(self, name: str) -> bool:
        """Whether this is a handle kind."""
        return any(o.name == name for o in self.opaques)

    def macro(self, name: str) -> int:
        """The number of a macro."""
        for macro in self.macros:
            if macro.name == name and macro.number is not None:
                return macro.number
        raise HeaderError(self.path, 1, f"#define {name} with a number is missing")
