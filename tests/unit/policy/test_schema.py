"""Shape: closed, told in sentences, and every word of the schema with an example that fits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from policy.checks import CHECK_KINDS, parse_check
from policy.diagnostics import Diagnostic
from policy.legs import KIND_NAMES
from policy.schema import schema_text
from policy.sources import SOURCE_KINDS
from tests.strategies import Manifest, checked, manifest

SCHEMA = json.loads(schema_text())


def properties(node: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property that the schema describes, with where it stands."""
    if isinstance(node, dict):
        for name, one in node.get("properties", {}).items():
            if isinstance(one, dict):
                yield f"{where}/{name}", one
        for key, inner in node.items():
            if key not in {"examples", "enum", "const", "default"}:
                yield from properties(inner, f"{where}/{key}")
    elif isinstance(node, list):
        for at, inner in enumerate(node):
            yield from properties(inner, f"{where}/{at}")


# The enumeration of kinds that chooses the branch repeats itself in each branch.
EVERY = [(where, one) for where, one in properties(SCHEMA) if "/allOf/" not in where]


def target(one: dict[str, Any]) -> dict[str, Any]:
    """The property's schema with the definition that it refers to."""
    if "$ref" in one:
        return {**SCHEMA["$defs"][one["$ref"].rpartition("/")[2]], **one}
    return one


class TestSchema:
    """ "JSON Schema (closed; every property described and with an example)"."""

    def test_it_is_a_schema(self) -> None:
        jsonschema.Draft202012Validator.check_schema(SCHEMA)
        assert len(EVERY) > 150

    @pytest.mark.parametrize(("where", "one"), EVERY, ids=[where for where, _ in EVERY])
    def test_each_property_is_described_and_has_examples_that_fit(
        self, where: str, one: dict[str, Any]
    ) -> None:
        merged = target(one)
        assert len(merged.get("description", "")) > 5, where
        if "const" in merged:
            return
        assert merged.get("examples"), where
        validator = jsonschema.Draft202012Validator({**one, "$defs": SCHEMA["$defs"]})
        for example in merged["examples"]:
            assert [error.message for error in validator.iter_errors(example)] == [], where

    @pytest.mark.parametrize("name", sorted(SCHEMA["$defs"]))
    def test_each_definition_with_properties_is_closed(self, name: str) -> None:
        def objects(node: Any) -> Iterator[dict[str, Any]]:
            if isinstance(node, dict):
                if node.get("type") == "object" and "properties" in node and "allOf" not in node:
                    yield node
                for inner in node.values():
                    yield from objects(inner)
            elif isinstance(node, list):
                for inner in node:
                    yield from objects(inner)

        for one in objects(SCHEMA["$defs"][name]):
            assert "additionalProperties" in one or "unevaluatedProperties" in one, one

    def test_each_key_of_the_top_is_closed(self) -> None:
        assert SCHEMA["additionalProperties"] is False


class TestDrift:
    """The kinds of the schema are those that are parsed."""

    def test_kinds(self) -> None:
        defs = SCHEMA["$defs"]
        assert set(defs["source"]["properties"]["kind"]["enum"]) == set(SOURCE_KINDS)
        assert set(defs["leg"]["properties"]["kind"]["enum"]) == set(KIND_NAMES.values())
        assert set(defs["check"]["properties"]["kind"]["enum"]) == set(CHECK_KINDS)
        assert {name for name in defs if name.startswith("source-")} == {
            f"source-{kind}" for kind in SOURCE_KINDS
        }
        assert {name for name in defs if name.startswith("leg-")} == {
            f"leg-{kind}" for kind in KIND_NAMES.values()
        }
        assert callable(parse_check)


def found(**sections: Any) -> list[Diagnostic]:
    return list(checked(manifest(**sections)).findings)


def only(content: Manifest) -> tuple[str, str, str]:
    (finding,) = checked(content).findings
    return finding.code, finding.message, finding.hint


class TestSentences:
    @pytest.mark.parametrize(
        ("change", "code", "words", "hint"),
        [
            ({"rotes": {}}, "unknown-key", "'rotes' is not known here", "did you mean 'routes'?"),
            (
                {"legs": {"mirror": {"kind": "miror", "to": "disk:/"}}},
                "bad-value",
                "'miror' is none of: mirror",
                "did you mean 'mirror'?",
            ),
            (
                {"legs": {"mirror": {"kind": "mirror", "to": "disk:/", "timout": "1h"}}},
                "unknown-key",
                "'timout'",
                "did you mean 'timeout'?",
            ),
            ({"legs": {"mirror": {"kind": "mirror"}}}, "missing-key", "'to' is missing here", ""),
            ({"sources": {"data": {"kind": "tree"}}}, "missing-key", "'path' is missing here", ""),
            (
                {"sources": {"Data_": {"kind": "tree", "path": "/srv/data"}}},
                "bad-value",
                "'Data_' is no name",
                "",
            ),
            ({"version": 2}, "bad-value", "version must be 1, not 2", ""),
            ({"version": "1"}, "bad-value", "version must be 1, not '1'", ""),
            ({"host": 12}, "bad-type", "12 must be host name", "put it in quotes"),
            (
                {"legs": {"m": {"kind": "mirror", "to": "disk:/", "deleted": {"keep": 14}}}},
                "bad-type",
                "14 must be duration",
                "the unit is missing: 14m, 14h, 14d",
            ),
            (
                {"legs": {"v": {"kind": "versions", "to": "disk:/", "keep": "7d"}}},
                "bad-type",
                "'7d' must be a mapping",
                "such as keep: {within: 7d}, or daily, weekly, monthly with a number",
            ),
            (
                {"legs": {"v": {"kind": "versions", "to": "disk:/", "keep": 7}}},
                "bad-type",
                "7 must be a mapping",
                "such as keep: {last: 7}, or daily, weekly, monthly with a number",
            ),
            ({"host": ""}, "bad-value", "", ""),
            ({"destinations": {}}, "bad-value", "must not be empty", ""),
            ({"destinations": []}, "bad-type", "must be a mapping", ""),
            ({"routes": {"/srv/data": []}}, "bad-value", "is no route", ""),
            (
                {"routes": {"/srv/data": {"leg": "mirror", "becuase": "x"}}},
                "unknown-key",
                "'becuase'",
                "did you mean 'because'?",
            ),
            (
                {"routes": {"/srv/data": {"nne": "x"}}},
                "unknown-key",
                "'nne'",
                "did you mean 'none'?",
            ),
            ({"ignore": {"x": {"only": ["data"]}}}, "missing-key", "'reason' is missing here", ""),
            (
                {"legs": {"mirror": {"kind": "mirror", "to": "disk:/", "timeout": {"ful": "1h"}}}},
                "unknown-key",
                "'ful'",
                "did you mean 'full'?",
            ),
            (
                {"legs": {"mirror": {"kind": "mirror", "to": "disk:/", "max_delete": "many"}}},
                "bad-value",
                "'many'",
                "",
            ),
            (
                {"legs": {"mirror": {"kind": "mirror", "to": "disk:/", "after": "x"}}},
                "bad-type",
                "'x' must be a list",
                "",
            ),
        ],
    )
    def test_each(self, change: dict[str, Any], code: str, words: str, hint: str) -> None:
        findings = found(**change)
        (first, *_) = [one for one in findings if one.code == code]
        assert words in first.message
        assert hint in first.hint

    def test_no_validator_jargon(self) -> None:
        content = manifest(
            version="x",
            host=1.5,
            timezone=[],
            destinations={"a": {"path": 3, "media": None}},
            sources={"s": []},
            legs={"l": {"kind": []}},
            routes={"/x": 5, "y": {"leg": 1}},
            ignore={"a": 1},
            objectives={"default": {"rpo": 5, "copies": "x"}},
            checks=[],
            monitoring={"pushgateway": "ftp:", "receivers": {"x": "y"}},
        )
        findings = checked(content).findings
        assert len(findings) > 12
        for one in findings:
            for jargon in (
                "schema",
                "instance",
                "under any",
                "valid under",
                "$ref",
                "regex",
                "oneOf",
                "does not match",
                "is not of type",
                "Additional properties",
                "enum",
            ):
                assert jargon not in one.message + one.hint, one

    def test_all_at_once_each_once(self) -> None:
        findings = found(a=1, b=2, legs={"mirror": {"kind": "mirror", "x": 1}})
        keys = [(one.code, one.message, one.origin.line, one.origin.column) for one in findings]
        assert len(keys) == len(set(keys)) == 4

    def test_a_missing_key_of_the_top(self) -> None:
        code, message, _ = only(manifest(host=None))
        assert (code, message) == ("missing-key", "'host' is missing here")

    def test_several_missing_keys_are_all_named(self) -> None:
        missing = [one.message for one in found(host=None, timezone=None, legs=None)]
        assert missing == [f"{name!r} is missing here" for name in ("host", "legs", "timezone")]
        missing = [one.message for one in found(destinations={"disk": {}}, routes=None)]
        assert missing == [f"{name!r} is missing here" for name in ("media", "path", "site")]

    def test_the_top_is_no_mapping(self) -> None:
        from engine.check import check_manifest

        for text in (b"[]", b"x", b"1", b"null", b'""'):
            (finding,) = check_manifest(text, "m").findings
            assert finding.code in {"bad-type", "yaml-empty"}, text
