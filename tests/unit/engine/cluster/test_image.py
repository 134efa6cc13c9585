"""What a job needs of its image is noted, and keeps no job from being made."""

from __future__ import annotations

from typing import Any

import pytest

from engine.cluster.jobs import jobs_of
from tests.strategies import checked, manifest

EXPORTED = {"kind": "tree", "path": "/srv/data", "export": "192.0.2.10:/exports/data"}
DEVICE = {"kind": "device", "ssh": "b@192.0.2.1", "key": "/k/id", "known_hosts": "/k/hosts"}
FETCH = {"kind": "fetch", "files": {"x": ["cat", "/x"]}}
PROGRAM = {"command": ["/opt/secret", "db"]}


def noted(
    source: dict[str, Any], leg: dict[str, Any], runner: dict[str, Any], **more: Any
) -> list[str]:
    where = {"kubernetes": {"namespace": "apps", **runner}}
    content = manifest(
        sources={"data": EXPORTED, "it": source},
        legs={
            "mirror": {"kind": "mirror", "to": "disk:/"},
            "copy": {
                "from": "it",
                "to": "data:/v",
                "keep": {"last": 2},
                "schedule": "02:00",
                "runner": where,
                **leg,
            },
        },
        checks={name: {**one, "schedule": "hourly", "runner": where} for name, one in more.items()},
    )
    found = checked(content)
    plan = found.compilation.plan if found.compilation else None
    assert plan is not None
    assert {one.subject for one in jobs_of(plan)} == {"copy", *more}
    return [one.message for one in found.findings if one.code == "runner-image"]


def server(**connect: Any) -> dict[str, Any]:
    return {"kind": "postgresql", "connect": {"host": "db.apps", **connect}}


def test_a_program_that_prints_a_secret() -> None:
    (said,) = noted(server(password=PROGRAM), {"kind": "dump"}, {})
    assert "the image of 'copy' has to have the program /opt/secret" in said
    assert noted(server(), {"kind": "dump"}, {"secret": "s"}) == []


def test_certificates_that_no_secret_holds() -> None:
    believed = {"ca": "/etc/ssl/certs/home.pem"}
    (said,) = noted(server(**believed), {"kind": "dump"}, {})
    assert "the certificates /etc/ssl/certs/home.pem" in said
    assert noted(server(**believed), {"kind": "dump"}, {"secret": "s"}) == []


@pytest.mark.parametrize(("user", "known"), [(None, True), (65534, True), (0, True), (1000, False)])
def test_an_account_for_ssh(user: int | None, known: bool) -> None:
    runner = {"secret": "s", **({"user": user} if user is not None else {})}
    found = noted(DEVICE, FETCH, runner)
    assert ["an account with the uid 1000" in one for one in found] == ([] if known else [True])
    assert noted(server(), {"kind": "dump"}, runner) == []


def test_what_a_check_needs() -> None:
    header = {"X-Token": PROGRAM}
    check = {
        "kind": "http",
        "url": "https://x/",
        "headers": header,
        "ca": "/etc/ssl/certs/home.pem",
    }
    found = noted(server(), {"kind": "dump"}, {}, web=check)
    assert [one.split(" has to have ")[1].split()[1] for one in found] == [
        "certificates",
        "program",
    ]
