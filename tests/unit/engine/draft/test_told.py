"""What stands in comments alone."""

from __future__ import annotations

import yaml

from engine.draft.jobs import Job, Place
from engine.draft.servers import FOLDERS, PORTS, PROGRAMS, Listening
from engine.draft.told import database_lines, job_lines, job_words, left_out_lines
from policy.sources import SOURCE_KINDS
from tests.machines import machine, rsync
from tests.strategies import errors, manifest


def test_a_job_on_one_line() -> None:
    assert job_words(rsync("/srv", "/b", host="nas", user="me")) == (
        "/etc/cron.d/backup:3 (0 2 * * *)  rsync: /srv → me@nas:/b"
    )
    bare = Job(file=b"/root/x\n.sh", line=9, program="borgmatic")
    assert job_words(bare) == r"/root/x\n.sh:9  borgmatic"
    repository = Job(
        file=b"/x", line=1, program="restic", writes=Place(path=b"", text="sftp://nas/r")
    )
    assert job_words(repository) == "/x:1  restic: … → sftp://nas/r"


def test_databases_are_told_and_not_claimed_to_be_kept() -> None:
    seen = machine(listening=(Listening(server="PostgreSQL", where="127.0.0.1:5432"),))
    lines = list(database_lines(seen))
    *_, where, source = lines
    assert where == "#   PostgreSQL: 127.0.0.1:5432"
    connect = yaml.safe_load(source.removeprefix("#"))
    leg = {"kind": "dump", "from": "shop", "to": "disk:/shop", "keep": {"last": 3}}
    content = manifest(sources={"shop": connect}, legs={"dumps": leg}, routes=None)
    assert errors(content) == []


def test_a_source_is_drafted_for_each_server_that_can_be_dumped() -> None:
    for server in {*PROGRAMS.values(), *PORTS.values(), *FOLDERS.values()}:
        *_, line = database_lines(machine(listening=(Listening(server=server, where="x"),)))
        assert yaml.safe_load(line.removeprefix("#"))["kind"] in SOURCE_KINDS, server


def test_what_is_not_there_has_no_heading() -> None:
    assert list(database_lines(machine())) == []
    assert list(job_lines(machine())) == []
    assert list(left_out_lines(())) == []
