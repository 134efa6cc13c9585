"""A container that boots: systemd-nspawn on a copy of the image that only it sees.

The copy is an overlay in a mount namespace of its own, so it goes whatever ends the tests, and
stays as long as the container is only off.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.integration.mounts import MountNamespace, mount_namespace
from tests.lab.computer import CHECKOUT, DidNotBoot
from tests.lab.debian import PATH

HOST = "pve"
"""Its name: that of the reference manifest's host."""
BOOT_SECONDS = 60.0
CGROUPS = tuple(map(Path, ("/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup")))
SYSTEMD_RUNS_THE_HOST = Path("/run/systemd/system").is_dir()
NAMESPACES = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd")


@dataclass
class Container:
    """One that is on or off."""

    folder: Path
    namespace: MountNamespace
    cgroups: Sequence[Path]
    devices: Sequence[Path]
    leader: int = 0
    """Its process 1, as the host numbers it."""
    process: subprocess.Popen[bytes] | None = None

    def boot(self) -> None:
        """Start it, and wait until all that is started at boot has been. Raises `DidNotBoot`."""
        address = self.folder / "notify"
        # Read no longer than the boot lasts, and closed then: a full queue would halt process 1.
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(str(address))
            ready.settimeout(0.2)
            self.process = self._start(address)
            self._wait_for_boot(self.process, ready)
        address.unlink()

    def pull_plug(self) -> None:
        """End all its processes at once, without a word."""
        if self.process is None:
            return
        if self.leader:
            with suppress(ProcessLookupError):
                os.kill(self.leader, signal.SIGKILL)
        else:
            self.process.terminate()
        self.process.wait(30)
        self.process, self.leader = None, 0

    def command(self, words: Sequence[str]) -> Sequence[str]:
        """Run them as a service of its systemd, with the capabilities that it has."""
        enter = ["nsenter", f"--target={self.leader}", *NAMESPACES, "--"]
        run = ["systemd-run", "--quiet", "--wait", "--collect", "--pipe", "--service-type=exec"]
        return [*enter, *run, "--setenv=HOME=/root", "--working-directory=/", "--", *words]

    def _start(self, address: Path) -> subprocess.Popen[bytes]:
        with (self.folder / "console.log").open("ab") as log:
            return subprocess.Popen(
                self._nspawn(),
                env={
                    "PATH": PATH,
                    "NOTIFY_SOCKET": str(address),
                    "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=self._join_cgroups,
            )

    def _nspawn(self) -> list[str]:
        # Where systemd runs the host, it gives the container a scope of its own. Should the tests
        # be killed, the container shuts down.
        keep = [] if SYSTEMD_RUNS_THE_HOST else ["--keep-unit"]
        return [
            *self.namespace.prefix(),
            *("setpriv", "--pdeathsig", "TERM", "--"),
            *("systemd-nspawn", "--quiet", "--boot", "--register=no", *keep, "--settings=no"),
            *(f"--directory={_root(self.folder)}", "--private-network", "--link-journal=no"),
            *(f"--machine=policyctl-lab-{os.getpid()}", f"--hostname={HOST}", "--notify-ready=yes"),
            *("--resolv-conf=off", "--timezone=off", "--console=pipe"),
            f"--bind-ro={CHECKOUT}:/opt/policyctl",
            *(f"--bind={device}" for device in self.devices),
        ]

    def _join_cgroups(self) -> None:
        for group in self.cgroups:
            (group / "cgroup.procs").write_text(str(os.getpid()))

    def _wait_for_boot(self, process: subprocess.Popen[bytes], ready: socket.socket) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(TimeoutError):
                lines = ready.recv(4096).decode().splitlines()
                said = dict(line.partition("=")[::2] for line in lines)
                self.leader = int(said.get("X_NSPAWN_LEADER_PID", self.leader))
                if self.leader and said.get("READY") == "1":
                    return
        log = (self.folder / "console.log").read_text(errors="replace").strip()
        raise DidNotBoot(" / ".join(log.splitlines()[-5:]) or "it said nothing")


@contextmanager
def container(image: Path, folder: Path, devices: Sequence[Path]) -> Iterator[Container]:
    """Make one that is off; it has the disks, and at the end it goes."""
    name = f"policyctl-lab-{os.getpid()}-{os.urandom(4).hex()}"
    with mount_namespace() as namespace, _own_cgroups(name) as cgroups:
        _copy(image, folder, namespace)
        made = Container(folder, namespace, cgroups, devices)
        try:
            yield made
        finally:
            made.pull_plug()


def _root(folder: Path) -> Path:
    return folder / "copy/root"


def _copy(image: Path, folder: Path, namespace: MountNamespace) -> None:
    """Lay a writable layer in memory over the image."""
    copy = folder / "copy"
    copy.mkdir()
    upper, work = copy / "upper", copy / "work"
    namespace("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", copy)
    namespace("mkdir", upper, work, _root(folder))
    layers = f"lowerdir={image},upperdir={upper},workdir={work}"
    namespace("mount", "-t", "overlay", "-o", layers, "overlay", _root(folder))


@contextmanager
def _own_cgroups(name: str) -> Iterator[tuple[Path, ...]]:
    """Groups of its own below the host's roots, where no systemd of the host sees to that."""
    if SYSTEMD_RUNS_THE_HOST:
        yield ()
        return
    groups = tuple(one / name for one in CGROUPS if os.access(one / "cgroup.procs", os.W_OK))
    for group in groups:
        group.mkdir()
    try:
        yield groups
    finally:
        for group in groups:
            _remove(group)


def _remove(group: Path) -> None:
    """Remove a group with those below it, once their last process has gone."""
    for _ in range(100):
        with suppress(OSError):
            for top, _directories, _files in os.walk(group, topdown=False):
                Path(top).rmdir()
            return
        time.sleep(0.05)
