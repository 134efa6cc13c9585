"""Shape: a document against the JSON Schema, as findings with positions.

Owns the translation of validator errors into sentences. It knows no meaning beyond the schema.
"""

from __future__ import annotations

import difflib
import importlib.resources
import json
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import jsonschema
from jsonschema.exceptions import ValidationError

from policy.diagnostics import Findings, Origin
from policy.nodes import Document, Mapping, Node, find, plain

_SHOWN = 60
_SECRETS = ("password", "token")
"""Keys of which people may write the value itself: no message shows that (law 22)."""
DISCRIMINATOR = "kind"
"""The key that says which other keys a part has."""


@cache
def schema_text() -> str:
    """The JSON Schema of the manifest, as text."""
    folder = importlib.resources.files("schema")
    return folder.joinpath("backup-policy.schema.json").read_text("utf-8")


@cache
def _validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(schema_text()))


def check_shape(document: Document, findings: Findings) -> None:
    """Add a finding for each place where the document has not the schema's shape."""
    for error in _validator().iter_errors(plain(document.root)):
        for leaf in _leaves(error):
            _report(document, leaf, findings)


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    """Go down to the errors that a person can act on: `oneOf` by itself says nothing."""
    if error.validator == "oneOf" and error.context:
        branch = _nearest_branch(error)
        if branch:
            for item in branch:
                yield from _leaves(item)
            return
    yield error


def _nearest_branch(error: ValidationError) -> list[ValidationError]:
    """Choose the alternative that the value was most likely meant to be, by its JSON type."""
    branches: dict[int, list[ValidationError]] = {}
    for item in error.context or ():
        branches.setdefault(int(item.schema_path[0]), []).append(item)
    fitting = [
        items
        for items in branches.values()
        if not any(item.validator == "type" and not item.path for item in items)
    ]
    return min(fitting, key=_misfit, default=[])


def _misfit(items: list[ValidationError]) -> tuple[int, int, int]:
    """Unknown keys at the top weigh most: they tell the wrong alternative; less so if misspelt."""
    unknown = sum(1 for item in items if item.validator == "additionalProperties" and not item.path)
    missing = sum(1 for item in items if item.validator == "required" and not item.path)
    near = sum(
        1
        for item in items
        if item.validator == "additionalProperties" and not item.path
        for key in _unknown_keys(item)
        if difflib.get_close_matches(key, _schema_of(item).get("properties", {}), n=1, cutoff=0.6)
    )
    return (unknown + missing, -near, len(items))


def _report(document: Document, error: ValidationError, findings: Findings) -> None:
    path = list(error.absolute_path)
    node = find(document.root, path)
    if error.validator == "additionalProperties" and isinstance(node, Mapping):
        for key in _unknown_keys(error):
            origin = node.keys.get(key, node.origin)
            known = list(_schema_of(error).get("properties", {}))
            findings.error(
                "unknown-key", f"{key!r} is not known here", origin, hint=_did_you_mean(key, known)
            )
        return
    origin = _origin(document, path, error)
    if error.validator == "required":
        # The validator gives an error for each missing key, all alike; a finding stands once.
        for key in _wanted(error):
            if key not in _instance_keys(error):
                findings.error("missing-key", f"{key!r} is missing here", origin)
                _report_misspelt(key, error, node, findings)
        return
    if path and path[-1] in _SECRETS and not isinstance(node, Mapping):
        message = f"the value of {path[-1]!r} is a secret, and does not belong here"
        hint = "say where it is found: {file: /etc/policyctl/secrets/NAME}"
        findings.error("secret-in-manifest", message, origin, hint=hint)
        return
    code, message, hint = _sentence(error)
    findings.error(code, message, origin, hint=hint)


def _report_misspelt(key: str, error: ValidationError, node: Node, findings: Findings) -> None:
    """Without its kind nothing is known of a part's other keys; one of them may be meant for it."""
    if key != DISCRIMINATOR or not isinstance(node, Mapping):
        return
    strange = [one for one in _instance_keys(error) if one not in _every_key()]
    for near in difflib.get_close_matches(key, strange, n=1, cutoff=0.6):
        message, hint = f"{near!r} is not known here", f"did you mean {key!r}?"
        findings.error("unknown-key", message, node.keys.get(near, node.origin), hint=hint)


@cache
def _every_key() -> frozenset[str]:
    """Each key that some part of a manifest may have."""
    found: set[str] = set()
    pending: list[Any] = [json.loads(schema_text())]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            found.update(one.get("properties", {}))
            pending.extend(one.values())
        elif isinstance(one, list):
            pending.extend(one)
    return frozenset(found)


def _origin(document: Document, path: list[str | int], error: ValidationError) -> Origin:
    """A missing key points at the key whose value lacks it; a bad key at the key itself."""
    node = find(document.root, path)
    if error.validator in {"required", "minProperties"} and path:
        parent = find(document.root, path[:-1])
        if isinstance(parent, Mapping) and isinstance(path[-1], str):
            return parent.keys.get(path[-1], node.origin)
    if isinstance(node, Mapping) and isinstance(error.instance, str):
        return node.keys.get(error.instance, node.origin)
    return node.origin


def _unknown_keys(error: ValidationError) -> list[str]:
    known = _schema_of(error).get("properties", {})
    return [key for key in _instance_keys(error) if key not in known]


def _schema_of(error: ValidationError) -> dict[str, Any]:
    """The part of the schema that was not met."""
    return error.schema if isinstance(error.schema, dict) else {}


def _instance_keys(error: ValidationError) -> list[str]:
    """The keys of the mapping at hand."""
    return list(error.instance) if isinstance(error.instance, dict) else []


def _wanted(error: ValidationError) -> list[str]:
    """The values or keys that the schema's keyword lists."""
    value = error.validator_value
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _did_you_mean(given: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return "known here: " + ", ".join(names) if names else ""


def _show(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
}


def _sentence(error: ValidationError) -> tuple[str, str, str]:
    """Say in words what the validator found: code, message, hint."""
    value = _show(error.instance)
    title = str(_schema_of(error).get("title", ""))
    about = str(_schema_of(error).get("description", ""))
    known = _wanted(error)
    match error.validator:
        case "dependentRequired":
            return "missing-key", error.message, ""
        case "enum":
            return "bad-value", f"{value} is none of: {', '.join(known)}", _near(error, known)
        case "type":
            return "bad-type", _type_sentence(error, value, title), _type_hint(error, title)
        case _:
            return "bad-value", _misfit_sentence(error, value, title), about


def _type_sentence(error: ValidationError, value: str, title: str) -> str:
    kind = _wanted(error)[0]
    wanted = _TYPES.get(kind, kind)
    if not error.absolute_path:
        return f"the manifest must be {wanted}"
    # A title names what a mapping is for, and not how to write one.
    wanted = wanted if kind in {"object", "array"} else title or wanted
    if error.instance is None:
        return f"there is no value here: it must be {wanted}"
    return f"{value} must be {wanted}"


def _misfit_sentence(error: ValidationError, value: str, title: str) -> str:
    match error.validator:
        case "const":
            key = error.absolute_path[-1] if error.absolute_path else "this"
            return f"{key} must be {_show(error.validator_value)}, not {value}"
        case "pattern" | "oneOf":
            return f"{value} is no {title or 'value that fits'}"
        case "minProperties" | "minItems" | "minLength":
            return f"{title or 'this'} must not be empty"
        case _:
            return error.message


def _near(error: ValidationError, known: list[str]) -> str:
    if not isinstance(error.instance, str):
        return ""
    near = difflib.get_close_matches(error.instance, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else ""


def _type_hint(error: ValidationError, title: str) -> str:
    """A number where text is wanted is nearly always a missing pair of quotes, or a unit."""
    if title == "duration" and type(error.instance) is int:
        units = ", ".join(f"{error.instance}{unit}" for unit in "mhd")
        return f"the unit is missing: {units}"
    if error.validator_value == "string" and isinstance(error.instance, int | float | bool):
        return "put it in quotes"
    if error.validator_value == "object" and list(error.absolute_path)[-1:] == ["keep"]:
        rule = "last" if type(error.instance) is int else "within"
        return (
            f"such as keep: {{{rule}: {error.instance}}}, or daily, weekly, monthly with a number"
        )
    return ""
