"""Which of a function's parameters is which: by what they are called, else by where they stand."""

from __future__ import annotations

from typing import Any

from .course import ROLES, Values
from .student import Function


class CannotBind(Exception):
    """The function's parameters are not those of the course; the message says what was expected."""


def bind(function: Function, roles: tuple[str, ...], values: Values) -> tuple[list[Any], dict[str, Any], list[str]]:
    """The arguments for a call: by position, by keyword, and what they are called, those by position first.

    roles: what the course's function takes, in its order. values: what may be given, by role.
    """
    positional, keywords, names = [], {}, []
    matched = _match(function, roles, values)
    for name, kind, optional in function.parameters:
        if kind in ("VAR_POSITIONAL", "VAR_KEYWORD"):
            continue
        role = matched.get(name)
        if role is None:
            if optional:
                continue
            taken = ", ".join(name for name, _, _ in function.parameters)
            raise CannotBind(f"it takes ({taken}); the course's takes ({', '.join(roles)})")
        if kind in ("KEYWORD_ONLY",) or (optional and kind != "POSITIONAL_ONLY"):
            keywords[name] = values[role]
        else:
            positional.append(values[role])
            names.append(name)
    return positional, keywords, names + list(keywords)


def _match(function: Function, roles: tuple[str, ...], values: Values) -> dict[str, str]:
    """The role of each parameter: by name; if that leaves one without, all that are needed by position."""
    found: dict[str, str] = {}
    for name, _, _ in function.parameters:
        role = _role_of(name, roles, values)
        if role is not None and role not in found.values():
            found[name] = role
    needed = [name for name, kind, optional in function.parameters if not optional and not kind.startswith("VAR")]
    if any(name not in found for name in needed) and len(needed) == len(roles):
        return dict(zip(needed, roles, strict=True))
    return found


def _role_of(name: str, roles: tuple[str, ...], values: Values) -> str | None:
    low = name.lower().strip("_")
    for role in roles:
        if low == role.lower() or low in ROLES.get(role, ()):
            return role
    if "lambd" in values and low in ROLES["lambd"]:
        return "lambd"
    for role in values:
        if name == role:
            return role
    return next((role for role in values if low == role.lower()), None)


def roles_of(function: Function, roles: tuple[str, ...], values: Values) -> set[str]:
    """The roles that the function's parameters have."""
    return set(_match(function, roles, values).values())
