"""How a dump that came back is loaded: what to type, in the folder in which it lies. Pure.

Loading overwrites what the server has now, so that a person does it, with the commands at hand.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from policy.connect import Connect
from policy.encryption import ENDING
from policy.secrets import Secret, SecretCommand, SecretFile, SecretVariable
from policy.sources import RECORD, SUMS, DumpedSource, ServerKind, ServerSource, SqliteSource
from policy.values import AbsolutePath


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """One thing to do."""

    text: str
    """What it does, and what to see to before."""
    command: str = ""
    """For a shell; empty where there is none to give."""


_UNPACK = {".zst": "zstdcat", ".gz": "zcat", "": "cat"}


def loading(source: DumpedSource, names: tuple[str, ...]) -> Iterator[Loading]:
    """How to load files of these names; those of which it knows nothing are passed over."""
    match source:
        case SqliteSource():
            yield from _sqlite(source, names)
        case ServerSource():
            yield from _server(source, names)
        case _:
            return


def _server(source: ServerSource, names: tuple[str, ...]) -> Iterator[Loading]:
    # Roles come before the databases that belong to them.
    for name in sorted(names, key=lambda one: (not one.startswith("globals."), one)):
        match source.server:
            case ServerKind.POSTGRESQL:
                yield from _postgresql(source.connect, name)
            case ServerKind.MYSQL:
                yield from _mysql(source.connect, name)
            case ServerKind.REDIS:
                yield from _redis(name)
            case ServerKind.ETCD:
                yield from _etcd(name)
            case ServerKind.VAULT:
                yield from _vault(source.connect, name)


def _postgresql(one: Connect, name: str) -> Iterator[Loading]:
    options = _words(
        *(("--host", one.host) if one.host else ()),
        *(("--host", one.socket.text.decode(errors="replace")) if one.socket else ()),
        *(("--port", str(one.port)) if one.port else ()),
        *(("--username", one.user) if one.user else ()),
    )
    before = _environment("PGPASSWORD", one.password, one.account, *_encrypted(one))
    file = word(name)
    plain, unpack = _text(name)
    if plain in {"all.sql", "globals.sql"}:
        text = (
            "All databases and roles, into a new server: of a database that is there already the "
            "rows would come twice."
            if plain == "all.sql"
            else "Roles first; those that are there already are told as errors, and stay."
        )
        psql = f"{before}psql --no-psqlrc --quiet{options} --dbname postgres"
        yield Loading(text=text, command=f"{unpack} {file} | {psql}")
    elif name.endswith(".dump"):
        text = (
            "The database as it was: what is in it now goes. Stop what uses it first: one that "
            "somebody is connected to is not replaced, and this ends at once."
        )
        # Whoever is connected to a database cannot drop it.
        anew = "" if plain == "postgres.dump" else " --create"
        rest = f"pg_restore{anew} --clean --if-exists --exit-on-error{options} --dbname postgres"
        # The file is read by our own account, which may be another than the client's.
        yield Loading(text=text, command=f"{before}{rest} < {file}")


def _encrypted(one: Connect) -> tuple[str, ...]:
    """What has a client of PostgreSQL believe in nobody else, as the leg does."""
    if one.authority is None:
        return ()
    return ("PGSSLMODE=verify-full", f"PGSSLROOTCERT={word(_shown(one.authority))}")


def _shown(path: AbsolutePath) -> str:
    return path.text.decode(errors="replace")


def _mysql(one: Connect, name: str) -> Iterator[Loading]:
    plain, unpack = _text(name)
    if not plain.endswith(".sql"):
        return
    options = _words(
        *(("--host", one.host, "--protocol=TCP") if one.host else ()),
        *(("--port", str(one.port)) if one.port else ()),
        *(("--socket", one.socket.text.decode(errors="replace")) if one.socket else ()),
        *(("--user", one.user) if one.user else ()),
        *(
            (f"--ssl-ca={_shown(one.authority)}", "--ssl-verify-server-cert")
            if one.authority
            else ()
        ),
    )
    client = f"{_environment('MYSQL_PWD', one.password, one.account)}mysql{options}"
    file = word(name)
    rights = "It takes an account that may write all of it, and not one that may only read."
    if plain == "all.sql":
        text = f"All databases, with the accounts and their passwords of then. {rights}"
        # The server goes on with the accounts that it knows until it is told (MySQL, FLUSH).
        whole = f"{{ {unpack} {file}; echo 'FLUSH PRIVILEGES;'; }}"
        yield Loading(text=text, command=f"{whole} | {client}")
        return
    text = (
        "The database as it was; tables that came later stay. The server's accounts are not in it: "
        f"a dump of all databases has them, where a leg makes one. {rights}"
    )
    yield Loading(text=text, command=f"{unpack} {file} | {client}")


def _redis(name: str) -> Iterator[Loading]:
    if name.endswith(".rdb"):
        yield Loading(
            text="Stop the server, and move its append-only files away: where they are, they win. "
            "Put the file in its `dir` under the name of `dbfilename`, and give it to the "
            "server's account; switch the append-only file on again once the server runs.",
            command=f"redis-check-rdb {word(name)}",
        )


def _etcd(name: str) -> Iterator[Loading]:
    if name.endswith(".db"):
        yield Loading(
            text="Into a new directory, which takes the place of the old one while etcd and what "
            "uses it are stopped; with --name and --initial-cluster of the member, if it has any.",
            command=f"ETCDCTL_API=3 etcdctl snapshot restore {word(name)} --data-dir ./etcd-data",
        )


def _vault(one: Connect, name: str) -> Iterator[Loading]:
    if name.endswith(".snap"):
        yield Loading(
            text="Have the unseal keys and a root token at hand, from a place that needs no Vault.",
            command=f"VAULT_ADDR={word(one.address or '')} vault operator raft snapshot "
            f"restore -force {word(name)}",
        )


_OF_ONE = ("", "-wal", "-shm", "-journal")
"""Endings of the files that are one database of SQLite."""


def _literal(name: str) -> str:
    """A name as a pattern of find(1) that means it alone."""
    return re.sub(r"[*?\[\\]", r"\\\g<0>", name)


def _sqlite(source: SqliteSource, names: tuple[str, ...]) -> Iterator[Loading]:
    """A log that was left of the old database would be played into the new one."""
    path = _shown(source.path)
    folder, _, base = path.rpartition("/")
    beside = sorted(one for one in names if one not in {base, RECORD, SUMS, ""})
    beside = [one for one in beside if not one.endswith(ENDING)]
    packed = "beside-it.tar" if base == "beside.tar" else "beside.tar"
    if base in names:
        more = " What the dump holds beside it goes back, too." if source.companions else ""
        kept = word(f"{path}.before")
        old = " -o".join(_words("-name", _literal(base) + end) for end in _OF_ONE)
        yield Loading(
            text="Stop what uses it. The database that is there now is moved aside, with the logs "
            "beside it, which belong to that one. Give the new file to the account that uses it."
            f"{'' if beside else more}",
            command=f"mkdir -- {kept} && find {word(folder or '/')} -maxdepth 1 \\({old} \\) "
            f"-exec mv --target-directory {kept} -- {{}} + && cp -- {word(base)} {word(path)}",
        )
    if not beside:
        return
    text = "What lies beside it: what is there under these names goes, other files stay."
    into = word(folder or "/")
    if beside == [packed] and packed not in source.companions:
        yield Loading(text=text, command=f"tar --extract --file {packed} --directory {into}")
    else:
        copied = f"cp --archive --target-directory {into} --{_words(*beside)}"
        yield Loading(text=text, command=copied)


def _text(name: str) -> tuple[str, str]:
    """The name without the ending of its compression, and what unpacks it."""
    ending = next(end for end in _UNPACK if name.endswith(end))
    return name.removesuffix(ending) if ending else name, _UNPACK[ending]


def word(text: str) -> str:
    """One word for a shell, on one line: what cannot be printed stands as bash reads it."""
    if text.isprintable():
        return shlex.quote(text)
    data = text.encode("utf-8", "surrogateescape")
    return "$'" + "".join(chr(one) if one in _PLAIN else f"\\{one:03o}" for one in data) + "'"


_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


def _words(*words: str) -> str:
    return "".join(f" {word(one)}" for one in words)


def _environment(variable: str, secret: Secret | None, account: str | None, *more: str) -> str:
    """What stands before a client so that it alone gets the password, and no list shows it."""
    given = _given(secret)
    words = (*more, *((f"{variable}={given}",) if given else ()))
    value = "".join(f"{one} " for one in words)
    if account is None:
        return value
    return f"{value}runuser -u {word(account)} -- "


def _given(secret: Secret | None) -> str:
    match secret:
        case SecretFile(path=path):
            return f'"$(cat {word(path.text.decode(errors="replace"))})"'
        case SecretVariable(name=name):
            return f'"${name}"'
        case SecretCommand(run=run):
            return f'"$({" ".join(map(word, run))})"'
        case _:
            return ""
