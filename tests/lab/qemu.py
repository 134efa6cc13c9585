"""QEMU as a process of this host: an x86-64 computer by emulation alone, so that it runs anywhere.

It is told what to do through its monitor (QMP: QEMU's "QEMU QMP Reference Manual").
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from tests.lab.computer import CHECKOUT, DidNotBoot
from tests.lab.debian import PATH

DISKS = tuple(map(Path, ("/dev/vda", "/dev/vdb", "/dev/vdc", "/dev/vdd")))
"""A machine's disks, as it names them; it boots from the first."""
DISK_SIZE = "4G"
STATE = "state"
"""The file that holds the memory of a machine that was saved."""
SHARE = "checkout"
"""The name under which a machine mounts the checkout."""
ANSWER_SECONDS = 120.0
SAVE_SECONDS = 60.0
_MEMORY = "1024"
_MACHINE = (
    *("-accel", "tcg,thread=multi,tb-size=256", "-cpu", "qemu64", "-smp", "2", "-m", _MEMORY),
    *("-nodefaults", "-display", "none", "-device", "virtio-rng-pci"),
    # It reaches nothing, and is reached at one port of the loopback address, which QEMU chooses.
    *("-netdev", "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:0-:22"),
    *("-device", "virtio-net-pci,netdev=net,romfile="),
    *("-virtfs", f"local,path={CHECKOUT},mount_tag={SHARE},security_model=none,readonly=on"),
    *("-append", "root=/dev/vda rw console=ttyS0 quiet mitigations=off net.ifnames=0"),
)
_FORWARDED = re.compile(r"HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s")


def images(folder: Path) -> Sequence[Path]:
    """The images of a machine's disks."""
    return [folder / f"{disk.name}.qcow2" for disk in DISKS]


@dataclass
class Qemu:
    """One that runs."""

    process: subprocess.Popen[bytes]
    monitor: socket.socket
    answers: BinaryIO
    """What the monitor says, line by line."""
    logs: Sequence[Path]
    """What it says itself, and what its machine's kernel says."""

    def port(self) -> int:
        """The port of the loopback address behind which its sshd is."""
        found = _FORWARDED.search(
            self.ask("human-monitor-command", {"command-line": "info usernet"})
        )
        assert found is not None, "QEMU forwards no port"
        return int(found[1])

    def save(self, state: Path) -> None:
        """Halt it for good, and write down its memory."""
        with state.open("wb") as file:
            self.ask("migrate-set-parameters", {"max-bandwidth": 2**40})
            self.ask("getfd", {"fdname": "state"}, file.fileno())
            self.ask("migrate", {"uri": "fd:state"})
            deadline = time.monotonic() + SAVE_SECONDS
            while (status := self.ask("query-migrate", {})["status"]) != "completed":
                if status == "failed" or time.monotonic() > deadline:
                    raise DidNotBoot(f"its memory was not saved: {status}")
                time.sleep(0.1)
        self.ask("quit", {})
        self.process.wait(30)

    def kill(self) -> None:
        """End it as a power cut does: what it had not written yet is lost."""
        self.process.kill()
        self.process.wait(30)
        self.answers.close()
        self.monitor.close()

    def ask(self, command: str, arguments: dict[str, object], *descriptors: int) -> Any:
        """Have the monitor do something; what it answers. Raises `DidNotBoot`."""
        line = json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n"
        with suppress(OSError):  # then it says nothing, either
            socket.send_fds(self.monitor, [line], descriptors)
        while answer := self._line():
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise DidNotBoot(f"QEMU: {command}: {answer['error']['desc']}")
        raise DidNotBoot(f"QEMU ended: {self.last_words()}")

    def last_words(self) -> str:
        """What it, or the machine, said last."""
        text = "\n".join(log.read_text(errors="replace") for log in self.logs if log.is_file())
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return " / ".join(lines[-5:]) or "it said nothing"

    def _line(self) -> dict[str, Any]:
        """The monitor's next line; empty once it has gone."""
        with suppress(ConnectionResetError):
            line = self.answers.readline()
            return json.loads(line) if line else {}
        return {}


def start(boot: Path, folder: Path, *, state: Path | None = None) -> Qemu:
    """Start one on the disks of a folder: from its kernel, or where `state` was saved.

    `boot` is the directory of the kernel and the initrd. Raises `DidNotBoot`.
    """
    mine, its = socket.socketpair()
    mine.settimeout(ANSWER_SECONDS)
    console, said = folder / "console.log", folder / "qemu.log"
    with its, said.open("wb") as log, (state or boot / "vmlinuz").open("rb") as memory:
        command = [
            *("setpriv", "--pdeathsig", "KILL", "--", "qemu-system-x86_64", *_MACHINE),
            *("-kernel", boot / "vmlinuz", "-initrd", boot / "initrd.img"),
            *("-serial", f"file:{console}"),
            *("-chardev", f"socket,id=monitor,fd={its.fileno()}", "-mon", "monitor,mode=control"),
            *(word for disk in images(folder) for word in ("-drive", _drive(disk))),
            *(("-incoming", f"fd:{memory.fileno()}") if state else ()),
        ]
        process = subprocess.Popen(
            list(map(str, command)),
            env={"PATH": PATH},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[its.fileno(), memory.fileno()],
            start_new_session=True,
        )
    started = Qemu(process, mine, mine.makefile("rb"), (console, said))
    started.ask("qmp_capabilities", {})
    return started


def layer(over: Path, disk: Path) -> None:
    """Make an image that holds what is written from now on; all else is read from another."""
    form = over.suffix.removeprefix(".")
    _qemu_img("create", "-q", "-f", "qcow2", "-F", form, "-b", str(over), str(disk))


def empty(disk: Path) -> None:
    """Make the image of an empty disk."""
    _qemu_img("create", "-q", "-f", "qcow2", str(disk), DISK_SIZE)


def _drive(disk: Path) -> str:
    # `unsafe`: nothing waits for this host's disk, which does not lose its power with the machine.
    return f"file={disk},if=virtio,cache=unsafe,discard=unmap"


def _qemu_img(*arguments: str) -> None:
    environment = {**os.environ, "PATH": PATH}
    subprocess.run(["qemu-img", *arguments], env=environment, check=True, capture_output=True)
