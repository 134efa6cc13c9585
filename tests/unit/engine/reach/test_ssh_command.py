"""The ssh command, and the quotings in it."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from engine.reach.ssh_command import (
    key_hint,
    remote_shell,
    shell_word,
    ssh_command,
    ssh_control,
)
from engine.reach.targets import Target
from policy.parts import SshTarget
from policy.values import AbsolutePath
from tests.integration.lab import HOSTILE

TARGET = SshTarget(
    account="backup@nas",
    port=2222,
    key=AbsolutePath((b"etc", b"a b", b"key%h")),
    known_hosts=AbsolutePath((b"etc", b"known_hosts")),
)


def test_it_never_asks_and_never_meets_strangers() -> None:
    argv = ssh_command(TARGET, b"/run/c", b"rsync", b"--version")
    assert b"-oBatchMode=yes" in argv
    assert b"-oStrictHostKeyChecking=yes" in argv
    assert b"-oUserKnownHostsFile=/etc/known_hosts" in argv
    assert b'-oIdentityFile="/etc/a b/key%%h"' in argv
    assert b"-oPort=2222" in argv
    assert argv[-3:] == (b"--", b"backup@nas", b"'rsync' '--version'")


def test_what_is_not_given_is_left_to_ssh() -> None:
    argv = ssh_control(SshTarget(account="u@h"), b"/run/c", b"exit")
    assert not any(word.startswith((b"-oPort", b"-oIdentit", b"-oUserKnown")) for word in argv)
    assert argv[-4:] == (b"-O", b"exit", b"--", b"u@h")


def test_rsync_gets_the_same_words() -> None:
    text = remote_shell(TARGET, b"/run/c").decode()
    assert shlex.split(text) == [word.decode() for word in ssh_command(TARGET, b"/run/c")[:-3]]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_shell_gives_each_word_back(name: bytes) -> None:
    script = b"printf %s " + shell_word(name)
    assert subprocess.run([b"sh", b"-c", script], stdout=subprocess.PIPE).stdout == name


@pytest.mark.tool("rsync")
def test_an_ipv6_address_reaches_ssh_without_its_brackets(tmp_path: Path) -> None:
    """rsync's arguments need them, so the manifest has them; ssh takes them for a name."""
    target = SshTarget(account="backup@[2001:db8::7]")
    argv = ssh_command(target, b"/run/c", b"true")
    assert argv[-2] == b"backup@2001:db8::7"
    assert ssh_control(target, b"/run/c", b"exit")[-1] == b"backup@2001:db8::7"
    shell = tmp_path / "shell"
    shell.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/asked\nexit 1\n')
    shell.chmod(0o755)
    place = Target(holder="nas", root=b"/copies", names=(), ssh=target).argument
    command = [b"rsync", b"--rsh=" + os.fsencode(shell), bytes(tmp_path) + b"/", place]
    subprocess.run(command, stderr=subprocess.DEVNULL)
    assert (tmp_path / "asked").read_text().startswith("-l backup 2001:db8::7 rsync --server")


CHANGED = b"WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!\nHost key verification failed."


@pytest.mark.parametrize(
    ("target", "complaint", "words"),
    [
        (TARGET, b"Permission denied (publickey).", []),
        (
            TARGET,
            b"Host key verification failed.",
            ["ssh-keyscan -p 2222 nas >>/etc/known_hosts", "ssh-keygen -lf /etc/known_hosts"],
        ),
        (
            TARGET,
            CHANGED,
            ["ssh-keygen -R '[nas]:2222' -f /etc/known_hosts", "ssh-keyscan -p 2222 nas >>"],
        ),
        (
            SshTarget(account="u@[::1]"),
            CHANGED,
            ["ssh-keygen -R '::1' -f ~/.ssh/known_hosts", "ssh-keyscan ::1 >>~/.ssh/known_hosts"],
        ),
    ],
)
def test_what_to_type_follows_from_what_ssh_complains_of(
    target: SshTarget, complaint: bytes, words: list[str]
) -> None:
    hint = key_hint(target, complaint)
    assert bool(hint) is bool(words)
    for word in words:
        assert word in hint
