"""What no job can be made of, and why."""

from __future__ import annotations

from typing import Any

import pytest

from tests.strategies import checked, manifest

RUNNER = {"namespace": "apps"}
EXPORTED = {"kind": "tree", "path": "/srv/data", "export": "192.0.2.10:/exports/data"}
POSTGRESQL = {"kind": "postgresql", "connect": {"host": "db.apps"}}
DUMP = {"kind": "dump", "from": "it", "to": "data:/v", "keep": {"last": 2}, "schedule": "02:00"}


FILES = {"kind": "versions", "preserve": ["times", "perms"]}
DEVICE = {"kind": "device", "ssh": "b@192.0.2.1", "key": "/k/id", "known_hosts": "/k/hosts"}
FETCH = {"kind": "fetch", "files": {"x": ["cat", "/x"]}}


def said(
    source: dict[str, Any],
    leg: dict[str, Any] | None = None,
    runner: dict[str, Any] | None = None,
    **more: Any,
) -> list[str]:
    where = {**RUNNER, **(runner or {})}
    source = {key: value for key, value in source.items() if value is not None}
    content = manifest(
        sources={"data": EXPORTED, "it": source},
        legs={
            "mirror": {"kind": "mirror", "to": "disk:/"},
            "copy": {**DUMP, "runner": {"kubernetes": where}, **(leg or {})},
        },
        **more,
    )
    wanted = {"runner-no-job", "cron-impossible"}
    return [one.message for one in checked(content).findings if one.code in wanted]


def server(**connect: Any) -> dict[str, Any]:
    return {"kind": "postgresql", "connect": connect}


@pytest.mark.parametrize(
    ("source", "leg", "runner", "why"),
    [
        (server(socket="/run/postgresql"), {}, {}, "a socket or account of the host"),
        (server(user="x"), {}, {}, "names no host"),
        (server(host="localhost"), {}, {}, "is the pod itself"),
        (server(host="d", password={"file": "/s/k"}), {}, {}, "names no `secret`"),
        (server(host="d", password={"file": "/s/a b"}), {}, {"secret": "s"}, "be a key of"),
        (POSTGRESQL, {"after": ["mirror"]}, {}, "cannot wait for other legs"),
        (POSTGRESQL, {"random_delay": "5m"}, {}, "knows no `random_delay`"),
        (POSTGRESQL, {"to": "disk:/v"}, {}, "a place of the host"),
        ({"kind": "sqlite", "path": "/d/x"}, {}, {}, "lies on no `volume`"),
        ({"kind": "sqlite", "path": "/d/x"}, {}, {"volume": "b/c"}, "is another's"),
        ({"kind": "sqlite", "path": "/x"}, {}, {"volume": "apps/c"}, "over the whole container"),
        ({"kind": "command", "run": ["x"], "file": "f"}, {}, {"volume": "apps/c"}, "add `at`"),
        ({"kind": "tree", "path": "/d"}, FILES, {}, "lies on no `volume`"),
        ({"kind": "tree", "path": "/d"}, FILES, {"volume": "apps/c", "at": "/e"}, "is not in it"),
        (DEVICE, FETCH, {}, "names no `secret`"),
        ({**DEVICE, "known_hosts": None}, FETCH, {"secret": "s"}, "names no `known_hosts`"),
        (POSTGRESQL, {"schedule": "Sun *-*-01..07 02:00"}, {}, "days that are either"),
    ],
)
def test_why_there_is_no_job(
    source: dict[str, Any], leg: dict[str, Any], runner: dict[str, Any], why: str
) -> None:
    (found,) = said(source, leg, runner)
    assert why in found


def test_there_is_one() -> None:
    assert said(POSTGRESQL) == []
    assert said({"kind": "sqlite", "path": "/d/x"}, runner={"volume": "apps/c"}) == []
    tree = {"kind": "tree", "path": "/d/photos"}
    assert said(tree, FILES, {"volume": "apps/c"}) == []
    assert said(tree, {"kind": "sqlite"}, {"volume": "apps/c", "at": "/d"}) == []
    assert said({**tree, "export": "192.0.2.11:/d"}, FILES) == []
    assert said(DEVICE, FETCH, {"secret": "s"}) == []
    at = {"volume": "apps/c", "at": "/work"}
    assert said({"kind": "command", "run": ["x"], "file": "f"}, runner=at) == []


@pytest.mark.parametrize(
    ("check", "runner", "why"),
    [
        ({"kind": "sqlite-integrity", "source": "it"}, {}, "lies on no `volume`"),
        ({"kind": "sqlite-integrity", "source": "it"}, {"volume": "apps/c"}, ""),
        ({"kind": "freshness", "path": "/elsewhere", "newer_than": "1d"}, {}, "no exported tree"),
        ({"kind": "freshness", "path": "/srv/data/a/*", "newer_than": "1d"}, {}, ""),
        ({"kind": "http", "url": "http://x/"}, {}, ""),
        ({"kind": "command", "run": ["true"]}, {}, ""),
        ({"kind": "command", "run": ["true"]}, {"volume": "apps/c"}, "add `at`"),
    ],
)
def test_checks(check: dict[str, Any], runner: dict[str, Any], why: str) -> None:
    where = {"kubernetes": {**RUNNER, **runner}}
    one = {**check, "schedule": "hourly", "runner": where}
    there = {"volume": "apps/c"}
    found = said({"kind": "sqlite", "path": "/d/x"}, runner=there, checks={"probe": one})
    assert [why in message for message in found] == ([True] if why else [])
