"""Backups that run already: lines of crontabs, units and scripts that make copies. Pure.

Of a line nothing is taken over but the program's name, paths, and accounts on other machines: what
may be a password is in none of these, and where a URL has one it is left out (law 22).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

PROGRAMS = frozenset(
    {
        *("rsync", "borg", "borgmatic", "restic", "rclone", "rsnapshot", "rdiff-backup"),
        *("duplicity", "kopia", "btrbk", "pg_dump", "pg_dumpall", "mysqldump", "mariadb-dump"),
    }
)
ANY_PROGRAM = re.compile("|".join(map(re.escape, sorted(PROGRAMS))))
"""Finds a line that may call one."""
_VALUED_BY_ALL = frozenset(
    {
        *("--exclude", "--include", "--exclude-from", "--include-from", "--exclude-file"),
        *("--password", "--pass", "--passphrase", "--user", "--password-file"),
        *("--password-command", "--config", "--log-file", "--timeout", "--port", "--bwlimit"),
    }
)
_VALUED: dict[str, frozenset[str]] = {
    "rsync": frozenset(
        {
            *("-e", "--rsh", "--filter", "-f", "--files-from", "-M", "--remote-option", "-B"),
            *("--link-dest", "--backup-dir", "--temp-dir", "-T", "--chmod", "--partial-dir"),
            *("--rsync-path", "--out-format", "--compare-dest", "--copy-dest", "--suffix"),
        }
    ),
    "borg": frozenset({"-e", "-C", "--compression", "-P", "--prefix", "-a", "--rsh", "--pattern"}),
    "restic": frozenset(
        {"-p", "-o", "--option", "--tag", "--host", "-H", "-e", "--iexclude", "--cache-dir"}
    ),
}
"""Options whose value is the next word; what they name is no end of a copy."""
_DUMPS = frozenset({"pg_dump", "pg_dumpall", "mysqldump", "mariadb-dump"})
_COPIERS = frozenset({"rsync", "rclone", "rdiff-backup"})
"""Their last place is where they write."""
_REPOSITORY = frozenset({"-r", "--repo", "--repository"})
_ENDS = frozenset({"&&", "||", ";", "|", "&", ")", "}", "fi", "done"})
_ACCOUNT = re.compile(
    r"(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9_.-]*)@)?(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*):"
    r"(?P<path>/[^:]*)"
)
_RELATIVE = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?[A-Za-z0-9][A-Za-z0-9_.-]*:[^:@$`]+")
_URL = re.compile(
    r"(?P<scheme>[a-z0-9+]+(?::[a-z0-9+]+)?)://(?:[^/@\s]*@)?(?P<host>[A-Za-z0-9.:\[\]-]+)"
    r"(?P<path>/[^@?#\s]*)?"
)
_ASSIGNED = re.compile(r"\s*(?:export\s+|readonly\s+|local\s+)?([A-Za-z_]\w*)=(.*)")
_USED = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")
_SHELL_AT_END = re.compile("-[A-Za-z]*e")
"""Short options in one word, the last of which takes the remote shell: `-aHe "ssh -p 2222"`."""
_UNKNOWN = re.compile(r"[$`]")
_TIME = re.compile(r"@[a-z]+|[0-9A-Za-z*/,~-]+")
"""One field of when: crontab(5)."""
_LONGEST = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One end of a copy."""

    path: bytes
    """On this machine, or where a host is named there; empty for another kind of place."""
    host: str = ""
    user: str = ""
    text: str = ""
    """Another kind of place in words that hold no secret, such as the URL of a repository."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A line that makes copies."""

    file: bytes
    line: int
    program: str
    reads: tuple[Place, ...] = ()
    writes: Place | None = None
    key: bytes = b""
    """The ssh key that it names."""
    port: int | None = None
    """The ssh port that it names."""
    when: str = ""
    """The schedule, as it stands there."""


def jobs_in(file: bytes, text: str, *, when: str = "") -> tuple[Job, ...]:
    """Find the jobs in a script, or in any text whose lines are commands."""
    known: dict[str, str] = {}
    found = []
    for number, line in _logical_lines(text):
        _note_assignment(line, known)
        found += [_at(job, file, number, when) for job in _in_command(line, known)]
    return tuple(found)


def jobs_in_crontab(file: bytes, text: str, *, with_user: bool) -> tuple[Job, ...]:
    """Find the jobs in a crontab; those of the system name an account before the command."""
    found = []
    known: dict[str, str] = {}
    for number, line in _logical_lines(text):
        _note_assignment(line, known)
        entry = cron_entry(line, with_user=with_user)
        if entry is not None:
            when, command = entry
            found += [_at(job, file, number, when) for job in _in_command(command, known)]
    return tuple(found)


def cron_entry(line: str, *, with_user: bool) -> tuple[str, str] | None:
    """The schedule and the command of a line; None where it is none."""
    words = line.split(None, 1 if line.lstrip().startswith("@") else 5)
    head = 1 if words and words[0].startswith("@") else 5
    if len(words) <= head or not all(map(_TIME.fullmatch, words[:head])):
        return None
    command = words[head]
    if with_user:
        command = "".join(command.split(None, 1)[1:])
    return " ".join(words[:head]), command.strip()


def unit_commands(text: str) -> tuple[tuple[int, str], ...]:
    """The lines of a unit that start something, with their numbers."""
    found = []
    for number, line in _logical_lines(text):
        key, equals, value = line.strip().partition("=")
        if equals and key.strip() in {"ExecStart", "ExecStartPre", "ExecStartPost"}:
            found.append((number, value.strip().lstrip("-@:+!")))
    return tuple(found)


def jobs_in_unit(file: bytes, text: str, *, when: str = "") -> tuple[Job, ...]:
    """Find the jobs that a service of systemd starts by itself."""
    return tuple(
        _at(job, file, number, when)
        for number, command in unit_commands(text)
        for job in _in_command(command, {})
    )


def calendar_of(text: str) -> str:
    """When a timer elapses, as it stands there."""
    found = re.findall(r"^\s*On\w+\s*=\s*(\S.*?)\s*$", text, re.MULTILINE)
    return "; ".join(found)


def scripts_in(command: str) -> tuple[bytes, ...]:
    """Absolute paths in a command that may be scripts of the administrator's."""
    return tuple(
        word.encode("utf-8", "surrogateescape")
        for word in _words(command)
        if word.startswith("/") and len(word) < _LONGEST and "\0" not in word
    )


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments, those that go on joined; each by the number that it begins with."""
    begun, parts = 0, list[str]()
    for number, line in enumerate(text.split("\n"), start=1):
        begun = begun or number
        if line.endswith("\\"):
            parts.append(line[:-1])
            continue
        whole = " ".join([*parts, line])
        if len(whole) <= _LONGEST and not whole.lstrip().startswith("#"):
            yield begun, whole
        begun, parts = 0, []


def _note_assignment(line: str, known: dict[str, str]) -> None:
    found = _ASSIGNED.fullmatch(line)
    if found is None:
        return
    words = _words(found[2])
    if len(words) == 1:
        known[found[1]] = _filled(words[0], known)


def _filled(word: str, known: dict[str, str]) -> str:
    filled = _USED.sub(lambda one: known.get(one[1] or one[2], one[0]), word)
    return filled if len(filled) <= _LONGEST else word


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()


def _in_command(command: str, known: dict[str, str]) -> Iterator[Job]:
    if ANY_PROGRAM.search(command) is None:
        return
    words = [_filled(word, known) for word in _words(command)]
    at = 0
    while at < len(words):
        program = words[at].rpartition("/")[2]
        if program not in PROGRAMS or (at and words[at - 1] in {"command", "-v", "which", "echo"}):
            at += 1
            continue
        given = tuple(_until_end(words[at + 1 :]))
        yield _job(program, given)
        at += 1 + len(given)


def _until_end(words: Iterable[str]) -> Iterator[str]:
    """The arguments of one command of a line."""
    for word in words:
        if word in _ENDS or word.startswith(("#", ">", "2>", "1>", "<", "&>")):
            return
        yield word.removesuffix(";")
        if word.endswith(";"):
            return


def _job(program: str, words: Iterable[str]) -> Job:
    """What one command copies; of a dump nothing is taken over."""
    bare = Job(file=b"", line=0, program=program)
    if program in _DUMPS:
        return bare
    options, plain = _apart(words, _VALUED.get(program, frozenset()) | _VALUED_BY_ALL)
    places = [one for one in map(_place, plain) if one is not None]
    if program in _COPIERS:
        places = [one for one in map(_place_of_copier, plain) if one is not None]
    if program in _COPIERS:
        if len(places) < 2:
            return bare
        key, port = _of_shell(options.get("-e") or options.get("--rsh") or "")
        return replace(bare, reads=tuple(places[:-1]), writes=places[-1], key=key, port=port)
    named = next((options[one] for one in sorted(_REPOSITORY) if one in options), "")
    archive = next((word.partition("::")[0] for word in plain if "::" in word), "")
    reads = tuple(one for one in places if not one.host and one.path)
    return replace(bare, reads=reads, writes=_place(named or archive))


def _apart(words: Iterable[str], valued: frozenset[str]) -> tuple[dict[str, str], list[str]]:
    """Options with their values, and all other words."""
    options: dict[str, str] = {}
    plain: list[str] = []
    following = iter(words)
    for word in following:
        name, equals, value = word.partition("=")
        if not word.startswith("-"):
            plain.append(word)
        elif equals:
            options[name] = value
        elif name in valued | _REPOSITORY:
            options[name] = next(following, "")
        elif "--rsh" in valued and _SHELL_AT_END.fullmatch(name):
            options["-e"] = next(following, "")
    return options, plain


def _of_shell(command: str) -> tuple[bytes, int | None]:
    """The key and the port of an ssh command line."""
    words = _words(command)
    pairs = list(pairwise(words))
    key = next((b for a, b in pairs if a == "-i" and b.startswith("/")), "")
    port = next((b for a, b in pairs if a == "-p" and b.isascii() and b.isdigit()), "")
    number = int(port) if port and len(port) <= 5 else 0
    return key.encode("utf-8", "surrogateescape"), number if 0 < number < 65536 else None


def _place(word: str) -> Place | None:
    """One end of a copy; None where the word is none, or may hold what nobody should see."""
    word = _known_part(word)
    if "\0" in word:
        return None
    if word.startswith("/"):
        path = re.sub("/{2,}", "/", word)
        return Place(path=(path.rstrip("/") or "/").encode("utf-8", "surrogateescape"))
    url = _URL.fullmatch(word)
    if url is not None:
        return Place(path=b"", text=_shown_url(url))
    account = _ACCOUNT.fullmatch(word)
    if account is None:
        return None
    path = re.sub("/{2,}", "/", account["path"]).rstrip("/") or "/"
    return Place(
        path=path.encode("utf-8", "surrogateescape"),
        host=account["host"],
        user=account["user"] or "",
    )


def _known_part(word: str) -> str:
    """A path as far as no variable is in it: of `/srv/$name` that is `/srv`; else nothing."""
    known, *rest = _UNKNOWN.split(word, maxsplit=1)
    head = known.rpartition("/")[0]
    if not rest:
        return word
    return head if head.strip("/") and not head.endswith(":") else ""


def _place_of_copier(word: str) -> Place | None:
    """Also what lies below somebody's home there, or in what rclone calls a remote."""
    found = _place(word)
    if found is None and _RELATIVE.fullmatch(word):
        return Place(path=b"", text=word)
    return found


def _shown_url(url: re.Match[str]) -> str:
    """A URL without its account; of one for the web not the path either, which may be a token."""
    hidden = url["scheme"].rpartition(":")[2] in {"http", "https"}
    path = "/…" if hidden and url["path"] not in {None, "/"} else url["path"] or ""
    return f"{url['scheme']}://{url['host']}{path}"


def _at(job: Job, file: bytes, line: int, when: str) -> Job:
    return replace(job, file=file, line=line, when=when)
