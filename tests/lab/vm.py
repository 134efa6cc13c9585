"""A virtual machine: its own kernel, hence device-mapper, LVM and LUKS, and its own clock.

It is restored from a saved state in which it has just booted. Its disks are layers over those of
the image, in a folder of its own; all goes with it.
"""

from __future__ import annotations

import shlex
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.lab.computer import DidNotBoot
from tests.lab.machine import Machine
from tests.lab.qemu import DISKS, SHARE, STATE, Qemu, images, layer, start

BOOT_SECONDS = 300.0
KEY, KNOWN_HOSTS, HOST = "key", "known_hosts", "nas.example.net"
"""In the image: who may come in, who is behind the port, and the name that it has there."""
GROUP_DISK, EMPTY_DISKS = DISKS[1], DISKS[2:]
"""The image has a volume group on one disk; nothing is on the others."""
_COMMAND_SECONDS = 120.0
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
_ENTER = (
    "hwclock --hctosys --utc & clock=$!; "
    f"mount -t 9p -o trans=virtio,version=9p2000.L,ro,msize=262144,cache=loose {SHARE} "
    "/opt/policyctl && wait $clock"
)
"""A state has the time at which it was saved, and its emulated hardware clock this host's. It is
read at the turn of a second, so that the checkout is mounted meanwhile."""


@dataclass
class VirtualMachine:
    """One that is on or off."""

    image: Path
    folder: Path
    devices: Sequence[Path] = EMPTY_DISKS
    qemu: Qemu | None = None
    port: int = 0
    connection: subprocess.Popen[bytes] | None = None
    """The one connection that all commands share."""

    def restore(self) -> None:
        """Go on where the image was saved, but for the clock. Raises `DidNotBoot`."""
        self.power_on(self.image / STATE)
        self.run("sh", "-c", _ENTER)

    def boot(self) -> None:
        """Start its kernel, and wait until all that is started at boot has been.

        Raises `DidNotBoot`.
        """
        self.power_on()
        self.run("systemctl", "is-system-running", "--wait")
        self.run("sh", "-c", _ENTER)

    def power_on(self, state: Path | None = None) -> None:
        """Start it, and wait until it lets somebody in. Raises `DidNotBoot`."""
        self.qemu = start(self.image, self.folder, state=state)
        self.port = self.qemu.port()
        self._connect(self.qemu)

    def save(self, state: Path) -> None:
        """Write its memory down; it is off then."""
        self._disconnect()
        assert self.qemu is not None, "it is off"
        self.qemu.save(state)
        self.pull_plug()

    def pull_plug(self) -> None:
        """End it at once; what it had not written to its disks is lost."""
        if self.qemu is not None:
            self.qemu.kill()
            self.qemu = None
        self._disconnect()

    def command(self, words: Sequence[str]) -> Sequence[str]:
        """Run them by root's shell; a command that a signal ends has the code 255."""
        return [*self._ssh("ControlMaster=no"), "--", "root@127.0.0.1", shlex.join(words)]

    def _connect(self, qemu: Qemu) -> None:
        command = [*self._ssh("ControlMaster=yes"), "-N", "root@127.0.0.1"]
        deadline = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < deadline and qemu.process.poll() is None:
            self._disconnect()
            self.connection = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "--", *command],
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            while self.connection.poll() is None:
                if self._socket.exists():
                    return
                time.sleep(0.02)
            time.sleep(0.1)
        raise DidNotBoot(f"nobody is let in: {qemu.last_words()}")

    def _disconnect(self) -> None:
        if self.connection is not None:
            self.connection.terminate()
            self.connection.wait(30)
            self.connection = None
        with suppress(FileNotFoundError):
            self._socket.unlink()

    @property
    def _socket(self) -> Path:
        return self.folder / "ssh"

    def _ssh(self, *options: str) -> list[str]:
        chosen = (
            *("BatchMode=yes", "LogLevel=ERROR", "ConnectTimeout=5", "IdentitiesOnly=yes"),
            "KexAlgorithms=curve25519-sha256",
            *("StrictHostKeyChecking=yes", f"HostKeyAlias={HOST}"),
            *(f"UserKnownHostsFile={self.image / KNOWN_HOSTS}", f"ControlPath={self._socket}"),
            *options,
        )
        settings = [word for option in chosen for word in ("-o", option)]
        return ["ssh", "-F", "none", *settings, "-i", str(self.image / KEY), "-p", str(self.port)]

    def run(self, *words: str) -> None:
        """Run a command, which has to succeed. Raises `DidNotBoot`."""
        done = subprocess.run(
            self.command(words),
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise DidNotBoot(f"{words}: {done.returncode}: {done.stdout}{done.stderr}")


@contextmanager
def restored(image: Path) -> Iterator[Machine]:
    """Restore a virtual machine for the length of the block. Raises `DidNotBoot`."""
    with tempfile.TemporaryDirectory(prefix="policyctl-vm-") as folder:
        made = VirtualMachine(image, Path(folder))
        for over, disk in zip(images(image), images(made.folder), strict=True):
            layer(over, disk)
        try:
            made.restore()
            yield Machine(made)
        finally:
            made.pull_plug()
