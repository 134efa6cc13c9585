"""The ssh command of a leg: one argument list, for remote commands and for rsync's `-e`.

Owns every ssh option in use, and the two quotings that ssh and rsync need. It never asks for a
password and never meets a host key that is not known already.
"""

from __future__ import annotations

from collections.abc import Iterable

from policy.parts import SshTarget
from policy.values import display

CONNECT_TIMEOUT = 20
ALIVE_INTERVAL = 20
ALIVE_COUNT = 6
PERSIST = 30
"""Seconds that the shared connection outlives its last user, should nobody close it."""
_KEY_REFUSED = "Host key verification failed"


def ssh_options(target: SshTarget, control: bytes) -> tuple[bytes, ...]:
    """Options of every ssh of a run; `control` is the path of the shared connection's socket."""
    settings = [
        b"BatchMode=yes",
        b"StrictHostKeyChecking=yes",
        b"ConnectTimeout=%d" % CONNECT_TIMEOUT,
        b"ServerAliveInterval=%d" % ALIVE_INTERVAL,
        b"ServerAliveCountMax=%d" % ALIVE_COUNT,
        b"ClearAllForwardings=yes",
        b"LogLevel=ERROR",
        b"ControlMaster=auto",
        b"ControlPersist=%d" % PERSIST,
        b"ControlPath=" + _value(control),
    ]
    settings += _reaching(target)
    return (b"-T", *(b"-o" + setting for setting in settings))


def _reaching(target: SshTarget) -> list[bytes]:
    """What the manifest says of the way there."""
    settings = []
    if target.known_hosts is not None:
        settings.append(b"UserKnownHostsFile=" + _value(target.known_hosts.text))
    if target.key is not None:
        settings += [b"IdentitiesOnly=yes", b"IdentityFile=" + _value(target.key.text)]
    if target.port is not None:
        settings.append(b"Port=%d" % target.port)
    return settings


def ssh_command(target: SshTarget, control: bytes, *remote: bytes) -> tuple[bytes, ...]:
    """Run a command on the other side, given as words; each is quoted for the shell there."""
    words = b" ".join(shell_word(word) for word in remote)
    return (b"ssh", *ssh_options(target, control), b"--", _destination(target), words)


def ssh_control(target: SshTarget, control: bytes, request: bytes) -> tuple[bytes, ...]:
    """Ask something of the shared connection itself, such as `exit`."""
    options = ssh_options(target, control)
    return (b"ssh", *options, b"-O", request, b"--", _destination(target))


def remote_shell(target: SshTarget, control: bytes) -> bytes:
    """The value of rsync's `-e`, which rsync splits at spaces and strips of quotes."""
    return b" ".join(_rsync_word(word) for word in (b"ssh", *ssh_options(target, control)))


def known_shell(target: SshTarget) -> bytes:
    """The value of rsync's `-e` in a command for a person to type: key, known hosts and port only.

    It may ask for a password; it never meets a host key that is not known already.
    """
    settings = [b"StrictHostKeyChecking=yes", *_reaching(target)]
    return b" ".join(_rsync_word(word) for word in (b"ssh", *(b"-o" + one for one in settings)))


def key_hint(target: SshTarget, complaint: bytes) -> str:
    """What to type where the other machine's key is not the one that is known; else nothing."""
    if _KEY_REFUSED.encode() not in complaint:
        return ""
    host = _destination(target).rpartition(b"@")[2].decode()
    port = f"-p {target.port} " if target.port is not None else ""
    known = target.known_hosts.text if target.known_hosts is not None else b""
    file = display(known) if known else "~/.ssh/known_hosts"
    scan = f"ssh-keyscan {port}{host} >>{file}"
    if b"HOST IDENTIFICATION HAS CHANGED" in complaint or b"has changed" in complaint:
        name = f"[{host}]:{target.port}" if target.port not in {None, 22} else host
        old = f"ssh-keygen -R '{name}' -f {file}"
        return f"; if it has a new key for a reason that you know: {old}; then {scan}"
    return (
        f"; once, in a network that you trust: {scan}; and compare what ssh-keygen -lf {file} says"
    )


def cause_first(lines: Iterable[str]) -> list[str]:
    """What a command has said, the cause before the advice: ssh says last why it ends."""
    return sorted(lines, key=lambda line: not line.startswith(_KEY_REFUSED))


def _destination(target: SshTarget) -> bytes:
    """user@host as ssh wants it: an IPv6 address has its brackets in rsync's arguments only."""
    user, _, host = target.account.rpartition("@")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    return f"{user}@{host}".encode()


def shell_word(word: bytes) -> bytes:
    """Quote for a POSIX shell, the one interpreter that ssh puts in between."""
    return b"'" + word.replace(b"'", b"'\"'\"'") + b"'"


def _rsync_word(word: bytes) -> bytes:
    """Quote for rsync, where a doubled quote inside quotes stands for one."""
    if not set(word) & set(b" '\""):
        return word
    return b"'" + word.replace(b"'", b"''") + b"'"


def _value(path: bytes) -> bytes:
    """A path in an ssh setting: `%` begins a token there, and spaces end a value."""
    text = path.replace(b"%", b"%%")
    if b" " not in text:
        return text
    return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
