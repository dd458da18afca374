"""Recognise an ``__init__.py`` that only extends ``__path__``: several distributions may bring their own wording of it.

The two historic ways to share a package among distributions ("Packaging namespace packages" in the Python Packaging
User Guide) put one statement into the ``__init__.py`` of each; the statements are written in many ways and mean the
same, so the first that is there may serve for all.
"""

from __future__ import annotations

import ast


def only_extends_path(text: str) -> bool:
    """Whether a module does nothing but make itself a namespace package.

    Args:
        text: Source of an ``__init__.py``. An empty one extends nothing, yet takes nothing away: it is False.
    """
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError):
        return False
    return any(_extends(node) for node in body) and all(_extends(node) or _harmless(node) for node in body)


def _extends(node: ast.stmt) -> bool:
    match node:
        case ast.Assign(targets=[ast.Name(id="__path__")], value=value):
            return "extend_path" in ast.unparse(value)
        case ast.Expr(value=ast.Call(func=function)):
            return ast.unparse(function).endswith("declare_namespace")
        case ast.Try(body=body, handlers=handlers, orelse=[], finalbody=[]):
            parts = [body, *(handler.body for handler in handlers)]
            return any(any(_extends(each) for each in part) for part in parts) and all(
                _extends(each) or _harmless(each) for part in parts for each in part
            )
        case _:
            return False


def _harmless(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()) | ast.Pass():
            return True
        case ast.Import(names=names):
            return {each.name for each in names} <= {"pkgutil", "pkg_resources"}
        case ast.ImportFrom(module=module):
            return module in {"pkgutil", "pkg_resources", "__future__"}
        case _:
            return False
