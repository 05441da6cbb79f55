"""Reads ``include/keyfold.h`` into a small model of the interface.

The header is what cbindgen writes, so its form is regular; whatever this parser does not know is an error that
names the line, never skipped. Doc comments are part of the interface: their tags say what C cannot (which pointer
is a buffer and which parameter its length, who owns a handle, what may be NULL), and a function without them is an
error too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from . import doc, roles
from .model import (
    SCALARS,
    Callback,
    Doc,
    Enum,
    Field,
    Function,
    Header,
    HeaderError,
    Macro,
    Opaque,
    Param,
    Struct,
    Type,
    Value,
)


def read(path: Path) -> Header:
    """Reads and checks the header at `path`."""
    return parse(path.read_text(encoding="utf-8"), path.name)


def parse(text: str, path: str = "keyfold.h") -> Header:
    """Reads and checks a header's text."""
    header = _Parser(text, path).header()
    roles.check(header)
    return header


@dataclass
class _Token:
    kind: str  # doc, directive, word, number, string, mark, end
    text: str
    line: int


_LEXEMES = re.compile(
    r"""
      (?P<space>\s+|\\\n)
    | (?P<doc>/\*\*(?!/).*?\*/|///[^\n]*)
    | (?P<comment>/\*.*?\*/|//[^\n]*)
    | (?P<directive>\#(?:[^\n\\]|\\.|\\\n)*)
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<number>-?(?:0x[0-9a-fA-F]+|\d+))
    | (?P<string>"[^"\n]*")
    | (?P<mark>[{}()\[\];,=*:])
    """,
    re.VERBOSE | re.DOTALL,
)


def _tokens(text: str, path: str) -> list[_Token]:
    tokens, at, line = [], 0, 1
    while at < len(text):
        match = _LEXEMES.match(text, at)
        if match is None:
            raise HeaderError(path, line, f"unexpected character {text[at]!r}")
        kind = str(match.lastgroup)
        if kind not in ("space", "comment"):
            tokens.append(_Token(kind, match.group(), line))
        line += match.group().count("\n")
        at = match.end()
    tokens.append(_Token("end", "", line))
    return tokens


class _Parser:
    def __init__(self, text: str, path: str) -> None:
        self.path = path
        self.tokens = _tokens(text, path)
        self.at = 0
        self.model = Header(path, text)

    def header(self) -> Header:
        above: Doc | None = None
        while self.peek().kind != "end":
            token = self.next()
            if token.kind == "doc":
                above = self.doc(token)
                continue
            if token.kind == "directive":
                self.directive(token, above)
                above = None
                continue
            if token.kind != "word":
                if token.text == "}" and self.in_cplusplus:
                    continue
                raise self.error(token, f"unexpected {token.text!r}")
            self.declaration(token, above or Doc(line=token.line))
            above = None
        return self.model

    def declaration(self, token: _Token, above: Doc) -> None:
        if token.text == "enum":
            self.enum(token, above)
        elif token.text == "typedef" and self.peek().text == "struct":
            self.typedef_struct(above)
        elif token.text == "typedef":
            self.typedef_enum_or_callback(token, above)
        elif token.text == "extern":
            self.extern_c(token)
        else:
            self.function(token, above)

    # Directives: the guard, includes, constants, and the C++ brackets.

    in_cplusplus = False

    def directive(self, token: _Token, above: Doc | None = None) -> None:
        text = re.sub(r"\\\n\s*", " ", token.text)
        word, _, rest = text[1:].strip().partition(" ")
        if word == "define":
            match = re.fullmatch(r"([A-Za-z_]\w*)(\([^)]*\))?\s*(.*)", rest.strip(), re.DOTALL)
            if match is None:
                raise self.error(token, f"cannot read {text!r}")
            name, params, value = match.group(1), match.group(2) or "", match.group(3).strip()
            self.model.macros.append(Macro(name, params, value, above or Doc(line=token.line), token.line))
        elif word in (
            "ifndef",
            "ifdef",
            "if",
            "elif",
            "else",
            "endif",
            "include",
            "pragma",
            "undef",
            "error",
        ):
            known = rest.strip()
            self.in_cplusplus = (
                word == "ifdef" and known == "__cplusplus" or (self.in_cplusplus and word != "endif")
            )
        else:
            raise self.error(token, f"unknown directive #{word}")

    def extern_c(self, token: _Token) -> None:
        if not self.in_cplusplus or self.next().text != '"C"' or self.next().text != "{":
            raise self.error(token, 'extern other than extern "C" { under __cplusplus')

    # Types.

    def enum(self, token: _Token, above: Doc) -> None:
        name = self.word("an enumeration's name")
        # cbindgen writes the underlying type for C++ and C23 under a condition.
        base = self.underlying()
        self.expect("{")
        values: list[Value] = []
        value_doc = Doc()
        while not self.accept("}"):
            item = self.next()
            if item.kind == "doc":
                value_doc = self.doc(item)
                continue
            if item.kind != "word":
                raise self.error(item, f"unexpected {item.text!r} in enum {name}")
            if not self.accept("="):
                raise self.error(item, f"{item.text} has no number; every value is explicit")
            number = self.next()
            if number.kind != "number":
                raise self.error(number, f"{item.text} is not a plain number")
            values.append(Value(item.text, int(number.text, 0), value_doc))
            value_doc = Doc()
            self.accept(",")
        self.expect(";")
        self.model.enums.append(Enum(name, base, values, above, token.line))

    def underlying(self) -> str:
        base = ""
        while self.peek().kind == "directive" or self.peek().text == ":":
            if self.peek().kind == "directive":
                self.directive(self.next())
            else:
                self.next()
                base = self.word("a type")
        return base

    def typedef_enum_or_callback(self, token: _Token, above: Doc) -> None:
        at = self.at
        while self.tokens[at].text not in ("(", ";", "{") and self.tokens[at].kind != "end":
            at += 1
        if self.tokens[at].text == "(":
            self.callback(token, above)
        else:
            self.typedef_enum(token)

    def callback(self, token: _Token, above: Doc) -> None:
        returns = self.type_(self.next())
        self.expect("(")
        self.expect("*")
        name = self.word("a function pointer's name")
        self.expect(")")
        self.expect("(")
        params = self.params()
        self.expect(";")
        self.model.callbacks.append(Callback(name, returns, params, above, token.line))

    def typedef_enum(self, token: _Token) -> None:
        if self.accept("enum"):  # C++ and C23, where the enumeration itself carries the width
            name, alias = self.word("an enumeration's name"), self.word("a type's name")
            self.expect(";")
            if alias != name or not self.model.enum(name):
                raise self.error(token, f"typedef enum {name} {alias} is not an enumeration above it")
            return
        base = self.word("a type")
        name = self.word("a type's name")
        self.expect(";")
        enum = self.model.enum(name)
        if enum is None:
            raise self.error(token, f"typedef {name} is not the type of an enumeration above it")
        if base not in SCALARS or enum.type not in ("", base):
            raise self.error(token, f"enum {name} has the unknown type {base}")
        enum.type = base

    def typedef_struct(self, above: Doc) -> None:
        token = self.next()
        name = self.word("a struct's name") if self.peek().kind == "word" else ""
        if self.peek().kind == "word":
            alias = self.word("the struct's type name")
            self.expect(";")
            if alias != name:
                raise self.error(token, f"struct {name} is called {alias}")
            self.model.opaques.append(Opaque(name, above, token.line))
            return
        self.expect("{")
        fields: list[Field] = []
        field_doc = Doc()
        while not self.accept("}"):
            if self.peek().kind == "doc":
                field_doc = self.doc(self.next())
                continue
            first = self.next()
            type_, field_name = self.type_and_name(first)
            count = 0
            if self.accept("["):
                count = self.number()
                self.expect("]")
            self.expect(";")
            fields.append(Field(field_name, type_, field_doc, first.line, count))
            field_doc = Doc()
        alias = self.word("the struct's type name")
        self.expect(";")
        if name not in ("", alias):
            raise self.error(token, f"struct {name} is called {alias}")
        self.model.structs.append(Struct(alias, fields, above, token.line))

    # Functions.

    def function(self, token: _Token, above: Doc) -> None:
        must_use = False
        while re.fullmatch(r"KEYFOLD_[A-Z_]+", token.text):
            if token.text == "KEYFOLD_MUST_USE":
                must_use = True
            elif token.text == "KEYFOLD_DEPRECATED":
                self.expect("(")
                self.next()
                self.expect(")")
            else:
                raise self.error(token, f"unknown attribute {token.text}")
            token = self.next()
        returns, name = self.type_and_name(token)
        if not name.startswith("keyfold_"):
            raise self.error(token, f"{name} does not begin keyfold_")
        self.expect("(")
        params = self.params()
        self.expect(";")
        self.model.functions.append(Function(name, returns, params, above, token.line, must_use))

    def params(self) -> list[Param]:
        params: list[Param] = []
        if self.peek().text == "void" and self.tokens[self.at + 1].text == ")":
            self.next()
        while not self.accept(")"):
            first = self.next()
            type_, param = self.type_and_name(first)
            params.append(Param(param, type_, first.line))
            self.accept(",")
        return params

    def type_and_name(self, token: _Token) -> tuple[Type, str]:
        return self.type_(token), self.word("a name")

    def type_(self, token: _Token) -> Type:
        const = token.text == "const"
        if const:
            token = self.next()
        if token.text == "struct":
            token = self.next()
        base = token
        if base.kind != "word":
            raise self.error(base, f"a type is expected, not {base.text!r}")
        pointers, const_inner = 0, False
        while self.peek().text in ("*", "const"):
            if self.next().text == "*":
                pointers += 1
            else:
                const_inner = True
        if const_inner and (pointers != 2 or self.tokens[self.at - 1].text != "*"):
            raise self.error(base, f"const after {base.text} other than in {base.text} *const *")
        type_ = Type(base.text, pointers, const, const_inner)
        self.known(base, type_)
        return type_

    def known(self, token: _Token, type_: Type) -> None:
        model, base = self.model, type_.base
        if base == "void" and type_.pointers < 2 and not type_.const:
            return
        if model.callback(base) and type_.pointers == 0:
            return
        if type_.pointers > 2:
            raise self.error(token, f"{type_}: three pointers deep")
        if (
            base not in SCALARS
            and not model.enum(base)
            and not model.struct(base)
            and not model.is_opaque(base)
        ):
            raise self.error(token, f"unknown type {base}")
        if model.is_opaque(base) and type_.pointers == 0:
            raise self.error(token, f"{base} is a handle kind; it is only ever a pointer")

    # Small things.

    def doc(self, token: _Token) -> Doc:
        return doc.read(token.text, token.line, self.path)

    def peek(self) -> _Token:
        return self.tokens[self.at]

    def next(self) -> _Token:
        token = self.tokens[self.at]
        self.at = min(self.at + 1, len(self.tokens) - 1)
        return token

    def accept(self, mark: str) -> bool:
        if self.peek().text == mark:
            self.next()
            return True
        if self.peek().kind == "end":
            raise self.error(self.peek(), f"{mark!r} is missing at the end")
        return False

    def expect(self, mark: str) -> None:
        token = self.next()
        if token.text != mark:
            raise self.error(token, f"{mark!r} is expected, not {token.text!r}")

    def word(self, what: str) -> str:
        token = self.next()
        if token.kind != "word":
            raise self.error(token, f"{what} is expected, not {token.text!r}")
        return token.text

    def number(self) -> int:
        token = self.next()
        if token.kind == "word":
            return self.model.macro(token.text)
        if token.kind != "number":
            raise self.error(token, f"a number is expected, not {token.text!r}")
        return int(token.text, 0)

    def error(self, token: _Token, message: str) -> HeaderError:
        return HeaderError(self.path, token.line, message)
