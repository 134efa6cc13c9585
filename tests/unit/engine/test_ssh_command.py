"""The ssh command, and the quotings in it."""

import shlex
import subprocess

import pytest

from engine.ssh_command import remote_shell, shell_word, ssh_command, ssh_control
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
