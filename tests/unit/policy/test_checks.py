"""Checks as a manifest states them."""

from __future__ import annotations

from typing import Any

import pytest

from engine.check import check_manifest
from policy.checks import (
    DEFAULT_LIMIT,
    DEFAULT_SIZE,
    Check,
    CommandCheck,
    FreshnessCheck,
    Header,
    HttpCheck,
    SqliteIntegrityCheck,
)
from policy.diagnostics import Diagnostic, Origin, format_diagnostic
from policy.parts import AlertSeverity
from policy.secrets import SecretCommand, SecretCredential, SecretFile, SecretVariable
from policy.values import ByteSize, Duration, parse_absolute_path
from tests.strategies import ROOT, checked, errors, manifest, policy_of

FRESH = {"kind": "freshness", "path": "/srv/dumps", "newer_than": "26h", "schedule": "hourly"}
HTTP = {"kind": "http", "url": "https://cloud.example.net/status", "schedule": "hourly"}
COMMAND = {"kind": "command", "run": ["/usr/local/bin/raid"], "schedule": "hourly"}
SQLITE = {"kind": "sqlite-integrity", "source": "data", "schedule": "hourly"}


def parsed(least: dict[str, Any], **more: Any) -> Check:
    (found,) = policy_of(manifest(checks={"it": {**least, **more}})).checks
    return found


def test_what_is_not_said_has_a_default() -> None:
    found = parsed(FRESH)
    assert isinstance(found, FreshnessCheck)
    assert (found.timeout, found.severity) == (DEFAULT_LIMIT, AlertSeverity.WARNING)
    assert (found.files, found.at_least, found.newer_than) == (None, DEFAULT_SIZE, Duration(93_600))
    assert str(found.path) == "/srv/dumps"
    assert found.at("path").line == found.at("newer_than").line > 0
    assert found.at("files") == found.origin


def test_a_path_and_names_may_be_patterns() -> None:
    found = parsed(FRESH, path="/srv/per-db/*", files="*.dump", at_least="1K")
    assert isinstance(found, FreshnessCheck)
    assert found.path.matches_prefix((b"srv", b"per-db", b"shop"))
    assert found.files is not None
    assert (found.files.matches(b"a.dump"), found.files.matches(b"a.tmp")) == (True, False)
    assert found.at_least == ByteSize(1024)


def test_each_kind_says_what_it_looks_at() -> None:
    command, sqlite = parsed(COMMAND, timeout="1m"), parsed(SQLITE, severity="critical")
    assert isinstance(command, CommandCheck)
    assert (command.run, command.timeout) == (("/usr/local/bin/raid",), Duration(60))
    assert isinstance(sqlite, SqliteIntegrityCheck)
    assert (sqlite.source, sqlite.severity) == ("data", AlertSeverity.CRITICAL)
    http = parsed(HTTP, status=204, contains="up", ca="/etc/policyctl/ca.pem")
    assert isinstance(http, HttpCheck)
    assert (http.status, http.contains) == (204, "up")
    assert http.authority == parse_absolute_path("/etc/policyctl/ca.pem")


def test_a_secret_is_named_by_where_it_is_found() -> None:
    headers = {
        "Authorization": {"file": "/etc/policyctl/secrets/token"},
        "X-Api-Key": {"credential": "cloud-token"},
        "Cookie": {"variable": "COOKIE"},
        "X-Token": {"command": ["pass", "show", "token"]},
        "Accept": "text/plain",
    }
    found = parsed(HTTP, headers=headers)
    assert isinstance(found, HttpCheck)
    token = parse_absolute_path("/etc/policyctl/secrets/token")
    assert found.headers == (
        Header(name="Accept", value="text/plain"),
        Header(name="Authorization", secret=SecretFile(path=token)),
        Header(name="Cookie", secret=SecretVariable(name="COOKIE")),
        Header(name="X-Api-Key", secret=SecretCredential(name="cloud-token")),
        Header(name="X-Token", secret=SecretCommand(run=("pass", "show", "token"))),
    )


@pytest.mark.parametrize(
    ("least", "more", "code"),
    [
        (FRESH, {"path": "srv"}, "bad-value"),
        (FRESH, {"path": "/srv/**"}, "bad-value"),
        (FRESH, {"files": "a/b"}, "bad-value"),
        (FRESH, {"at_least": "much"}, "bad-value"),
        (FRESH, {"newer_than": "soon"}, "bad-value"),
        (FRESH, {"schedule": "at noon"}, "bad-calendar"),
        (FRESH, {"fiels": "*"}, "unknown-key"),
        (HTTP, {"url": "ftp://example.net/"}, "bad-value"),
        (HTTP, {"url": "https:///nothing"}, "bad-value"),
        (HTTP, {"url": "https://example.net/a b"}, "bad-value"),
        (HTTP, {"url": "https://me:canary@example.net/"}, "secret-in-url"),
        (HTTP, {"url": "https://example.net/?a=b&access%5Ftoken=canary"}, "secret-in-url"),
        (HTTP, {"url": "https://example.net/#key=canary"}, "secret-in-url"),
        (HTTP, {"status": 42}, "bad-value"),
        (HTTP, {"headers": {"Authorization": "Bearer canary"}}, "secret-in-manifest"),
        (HTTP, {"headers": {"X-Auth-Token": "canary"}}, "secret-in-manifest"),
        (HTTP, {"headers": {"Two Words": "x"}}, "bad-value"),
        (HTTP, {"headers": {"Accept": "a\nHost: b"}}, "bad-value"),
        (COMMAND, {"run": []}, "bad-value"),
        (COMMAND, {"run": "rm -rf /"}, "bad-type"),
        ({**SQLITE, "source": "date"}, {}, "unknown-name"),
        ({**FRESH, "kind": "freshnes"}, {}, "bad-value"),
    ],
)
def test_what_cannot_be_meant_is_an_error(
    least: dict[str, Any], more: dict[str, Any], code: str
) -> None:
    assert set(errors(manifest(checks={"it": {**least, **more}}))) == {code}


def test_a_secret_has_one_place() -> None:
    two = {"file": "/etc/token", "variable": "TOKEN"}
    for secret in (two, {}):
        assert errors(manifest(checks={"it": {**HTTP, "headers": {"X-Token": secret}}})) != []


def test_a_database_lies_in_a_source_that_has_some() -> None:
    report = checked(manifest(checks={"it": {**SQLITE, "source": "date"}}))
    (found,) = (one for one in report.findings if one.code == "unknown-name")
    assert found.message == "there is no sqlite or tree source 'date'"
    assert found.hint == "did you mean 'data'?"


@pytest.mark.parametrize(
    "line",
    [
        'headers: {Authorization: "Bearer canary"}',
        "headers: {Authorization: Bearer canary, Accept: x}",
        "headers: {X-Api-Key: 'canary'}",
        'headers: {"x-auth-token" : "a\\"canary"}',
        "headers: {Cookie: canary",
    ],
)
def test_law_22_no_message_quotes_what_a_header_holds(line: str) -> None:
    whole = (ROOT / "tests/invalid/secret-in-manifest.yaml").read_text()
    text = whole.replace('headers: {Authorization: "Bearer canary"}', line)
    assert line in text
    report = check_manifest(text.encode(), "m.yaml")
    assert report.findings
    shown = "".join(format_diagnostic(one, report.lines) for one in report.findings)
    assert "canary" not in shown


def test_what_is_no_secret_is_shown() -> None:
    shown = [
        "  nas: {ssh: b@nas, key: /etc/keys/nas, known_hosts: /etc/known}",
        "  files: {kind: files, secret: true, luks: {key_file: /k}}",
        "      X-Token: {file: /etc/token}",
    ]
    for line in shown:
        item = Diagnostic(code="x", message="x", origin=Origin(file="m", line=1, column=1))
        assert line in format_diagnostic(item, (line,))
