"""What a draft tells in comments alone: databases, jobs that run, what is left out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.draft.jobs import Job, Place
from engine.draft.observation import Machine
from engine.draft.words import comment, heading
from policy.values import display


def database_lines(machine: Machine) -> Iterator[str]:
    """Servers that are there, and a source for each: whoever may read it, nobody here can guess."""
    if not machine.listening:
        return
    yield from heading("Databases: not kept by this draft")
    yield from comment(
        "A copy of the files of a database that runs is not a database. Have each dumped: a source "
        "like these, and a leg `{kind: dump, from: SOURCE, to: …}`. A password is named by where "
        "it is found (docs/how-to/dump-a-server.md)."
    )
    for one in machine.listening:
        source = next((way for word, way in _SOURCES.items() if word in one.server), _PROGRAM)
        yield from comment(f"  {one.server}: {one.where}")
        yield f"#     {source}"


_SOURCES = {
    "PostgreSQL": "{kind: postgresql, connect: {socket: /run/postgresql, user: postgres, "
    "account: postgres}}",
    "MySQL": "{kind: mysql, connect: {socket: /run/mysqld/mysqld.sock, user: root}}",
    "MariaDB": "{kind: mysql, connect: {socket: /run/mysqld/mysqld.sock, user: root}}",
    "Redis": "{kind: redis, connect: {host: 127.0.0.1}}",
    "Valkey": "{kind: redis, connect: {host: 127.0.0.1}}",
    "etcd": '{kind: etcd, connect: {endpoint: "https://127.0.0.1:2379"}}',
    "Vault": '{kind: vault, connect: {address: "https://127.0.0.1:8200", token: {file: …}}}',
}
_PROGRAM = '{kind: command, run: [PROGRAM, "{directory}"]}'
"""What dumps a server of which nothing is known here fills a directory."""


def job_lines(machine: Machine) -> Iterator[str]:
    """Jobs that make copies now, with where they stand."""
    if not machine.jobs:
        return
    yield from heading("Backups that run already, and go on until you end them")
    for job in machine.jobs:
        yield from comment(f"  {job_words(job)}")


def job_words(job: Job) -> str:
    """One job on one line."""
    when = f" ({job.when})" if job.when else ""
    ways = ""
    if job.reads or job.writes is not None:
        reads = ", ".join(map(place_words, job.reads)) or "…"
        ways = f": {reads} → {place_words(job.writes) if job.writes is not None else '…'}"
    return f"{display(job.file)}:{job.line}{when}  {job.program}{ways}"


def place_words(place: Place) -> str:
    """One end of a copy."""
    if place.text:
        return place.text
    account = f"{place.user}@" * bool(place.user) + place.host
    return f"{account}:{display(place.path)}" if place.host else display(place.path)


def left_out_lines(left_out: Sequence[str]) -> Iterator[str]:
    """What was seen and is not in the draft, and what could not be seen."""
    if not left_out:
        return
    yield from heading("Left out")
    for one in left_out:
        yield from comment(f"  {one}")
