"""JSON Schemas of the config files, made from the structs that the files are read into.

Descriptions are the texts below the fields. Editors that know `#:schema` complete keys and show
what each means; a test holds `configs/schema/` against this.

    python -m procs.config.schema        writes configs/schema/
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import sys
import textwrap
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oms.config import SimConfig
from oms.config_parts import (
    EXCHANGE_SETTINGS,
    FILES,
    SIM_OF_EXCHANGE,
    ExchangeFile,
    ExchangePlaces,
)
from procs.config.files import project_root

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_PLAIN = {str: "string", int: "integer", bool: "boolean"}


def folder() -> Path:
    """Where the schemas lie."""
    return project_root() / "configs" / "schema"


def texts(kind: type[Any]) -> dict[str, str]:
    """Field -> the text below it in the source of the struct."""
    if kind is ExchangeFile:
        merged = [texts(one) for one in (*reversed(EXCHANGE_SETTINGS), ExchangePlaces)]
        return {name: text for one in merged for name, text in one.items()}
    (made,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(made, ast.ClassDef)
    found: dict[str, str] = {}
    for line, below in zip(made.body, made.body[1:], strict=False):
        if not isinstance(line, ast.AnnAssign) or not isinstance(line.target, ast.Name):
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            found[line.target.id] = " ".join(str(below.value.value).split())
    return found


def schema_of(name: str) -> dict[str, Any]:
    """The schema of a kind of file; `name` is a key of `FILES`."""
    where, kind = FILES[name]
    made = _table(kind)
    return {
        "$schema": DRAFT,
        "title": f"mExOms: configs/{where}",
        **made,
    }


def schema_text(name: str) -> str:
    """As it stands in its file."""
    return json.dumps(schema_of(name), indent=2, ensure_ascii=False) + "\n"


def _table(kind: type[Any], without: tuple[str, ...] = ()) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    described = texts(kind)
    properties, required = {}, []
    for one in dataclasses.fields(kind):
        if one.name in without:
            continue
        made = _value(hints[one.name])
        if kind is ExchangeFile and one.name == "sim":
            made = _table(SimConfig, SIM_OF_EXCHANGE)
        if one.name in described:
            made["description"] = described[one.name]
        given = one.default is not dataclasses.MISSING
        if given and one.default is not None:
            made["default"] = one.default
        if not given and one.default_factory is dataclasses.MISSING:
            required.append(one.name)
        properties[one.name] = made
    text = (inspect.getdoc(ExchangePlaces if kind is ExchangeFile else kind) or "").split("\n\n")[0]
    return {
        "type": "object",
        "description": " ".join(text.split()),
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _value(hint: Any) -> dict[str, Any]:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        (inner,) = (one for one in typing.get_args(hint) if one is not type(None))
        return _value(inner)
    if origin is typing.Literal:
        return {"enum": list(typing.get_args(hint))}
    if dataclasses.is_dataclass(hint):
        return _table(typing.cast(type[Any], hint))
    if origin is tuple:
        return {"type": "array", "items": _value(typing.get_args(hint)[0])}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        item = typing.get_args(hint)[1]
        return {"type": "object"} | ({} if item is Any else {"additionalProperties": _value(item)})
    return {"type": _PLAIN[hint]}


def main() -> int:
    """Write every schema."""
    folder().mkdir(exist_ok=True)
    for name in FILES:
        path = folder() / f"{name}.json"
        path.write_text(schema_text(name), encoding="utf-8")
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
