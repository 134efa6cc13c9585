"""The ssh command of a leg: one argument list, for remote commands and for rsync's `-e`.

Owns every ssh option in use, and the two quotings that ssh and rsync need. It never asks for a
password and never meets a host key that is not known already.
"""

from __future__ import annotations

from policy.parts import SshTarget

CONNECT_TIMEOUT = 20
ALIVE_INTERVAL = 20
ALIVE_COUNT = 6
PERSIST = 30
"""Seconds that the shared connection outlives its last user, should nobody close it."""


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
    if target.known_hosts is not None:
        settings.append(b"UserKnownHostsFile=" + _value(target.known_hosts.text))
    if target.key is not None:
        settings += [b"IdentitiesOnly=yes", b"IdentityFile=" + _value(target.key.text)]
    if target.port is not None:
        settings.append(b"Port=%d" % target.port)
    return (b"-T", *(b"-o" + setting for setting in settings))


def ssh_command(target: SshTarget, control: bytes, *remote: bytes) -> tuple[bytes, ...]:
    """Run a command on the other side, given as words; each is quoted for the shell there."""
    words = b" ".join(shell_word(word) for word in remote)
    return (b"ssh", *ssh_options(target, control), b"--", target.account.encode(), words)


def ssh_control(target: SshTarget, control: bytes, request: bytes) -> tuple[bytes, ...]:
    """Ask something of the shared connection itself, such as `exit`."""
    options = ssh_options(target, control)
    return (b"ssh", *options, b"-O", request, b"--", target.account.encode())


def remote_shell(target: SshTarget, control: bytes) -> bytes:
    """The value of rsync's `-e`, which rsync splits at spaces and strips of quotes."""
    return b" ".join(_rsync_word(word) for word in (b"ssh", *ssh_options(target, control)))


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
