"""Splits a doc comment into its sentence, its paragraphs and its tags."""

from __future__ import annotations

import re

from .model import Doc, HeaderError

_TAG = re.compile(r"@(\w+)\s*")


def read(raw: str, first_line: int, path: str) -> Doc:
    """Splits a doc comment into sentence, paragraphs and tags."""
    doc = Doc(line=first_line)
    raw = raw[3:] if raw.startswith("///") else raw[3:-2]
    tag, prose, line = "", [""], first_line - 1
    parts: list[tuple[str, int, str]] = []
    for text in raw.split("\n"):
        line += 1
        text = re.sub(r"^\s*\*? ?", "", text).rstrip()
        pieces = _TAG.split(text) if re.match(r"\s*@", text) else [text]
        if len(pieces) == 1:
            if tag:
                parts[-1] = (parts[-1][0], parts[-1][1], f"{parts[-1][2]} {text.strip()}".strip())
            elif text.strip():
                prose[-1] = f"{prose[-1]} {text.strip()}".strip()
            elif prose[-1]:
                prose.append("")
            continue
        for tag, value in zip(pieces[1::2], pieces[2::2]):
            parts.append((tag, line, value.strip()))
    _tags(doc, parts, path)
    paragraphs = [p for p in prose if p]
    if paragraphs:
        first = re.match(r"(.*?\.)\s+(?=[A-Z0-9`(\"])(.*)", paragraphs[0], re.DOTALL)
        doc.summary = first.group(1) if first else paragraphs[0]
        doc.body = ([first.group(2)] if first else []) + paragraphs[1:]
    return doc


def _tags(doc: Doc, parts: list[tuple[str, int, str]], path: str) -> None:
    for tag, line, value in parts:
        if tag == "param":
            match = re.fullmatch(r"(\w+)\s+\[([^\]]*)\]\s*(.*)", value, re.DOTALL)
            if match is None:
                raise HeaderError(path, line, f"@param needs a name and [roles]: {value!r}")
            if match.group(1) in doc.params:
                raise HeaderError(path, line, f"@param {match.group(1)} stands twice")
            roles = [r.strip() for r in match.group(2).split(",")]
            doc.params[match.group(1)] = (roles, match.group(3).strip(), line)
        elif tag == "errors":
            doc.errors = [] if value == "none" else [e.strip() for e in value.split(",") if e.strip()]
            doc.tags["errors"] = value
        elif tag in ("threads", "callback", "since", "returns"):
            doc.tags[tag] = value
        else:
            raise HeaderError(path, line, f"unknown tag @{tag}")
