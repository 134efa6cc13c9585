"""What stands in comments alone."""

from __future__ import annotations

from engine.draft.jobs import Job, Place
from engine.draft.servers import Listening
from engine.draft.told import database_lines, job_lines, job_words, left_out_lines
from tests.machines import machine, rsync


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
    assert lines[-1] == "#   PostgreSQL: 127.0.0.1:5432"
    assert "does not run them" in " ".join(line.removeprefix("# ") for line in lines)


def test_what_is_not_there_has_no_heading() -> None:
    assert list(database_lines(machine())) == []
    assert list(job_lines(machine())) == []
    assert list(left_out_lines(())) == []
