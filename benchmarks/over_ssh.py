"""The same passes to another machine: a real sshd on loopback, and a bare rsync through it as well.

Below another root an SSH destination is a local directory. So this is measured in a mount namespace
whose own `/var/lib` and `/etc/systemd/system` are empty, which takes root.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks.measuring import Fact
from benchmarks.passes import Passes, time_passes
from benchmarks.trees import CHECKOUT
from tests.integration.sshd import Server, serving

_OWN = ("/var/lib", "/etc/systemd/system", "/etc/sysctl.d")
"""What `apply` and runs write below `/`."""


def measure_over_ssh(folder: Path, count: int, runs: int) -> list[Fact]:
    """Time passes to another machine, in a process of its own."""
    if os.geteuid() != 0 or not shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin"):
        return [Fact(what="over SSH", figure="needs root and an sshd")]
    command = ["unshare", "--mount", "--propagation", "private", sys.executable, "-m", __name__]
    words = [*command, str(folder), str(count), str(runs)]
    told = subprocess.run(words, cwd=CHECKOUT, stdout=subprocess.PIPE, check=True).stdout
    return [Fact(**one) for one in json.loads(told)]


def _connection(server: Server) -> tuple[str, ...]:
    """What bare rsync is told: the options of the leg, and no shared connection."""
    where = server.directory
    options = f"-oBatchMode=yes -oUserKnownHostsFile={where}/known_hosts -oCompression=no"
    return (f"--rsh=ssh -p {server.port} -i {where}/key {options}",)


def main() -> None:
    """Measure in this namespace; print the facts."""
    folder, count, runs = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    for path in _OWN:
        Path(path).mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", path], check=True)
    # What this user's shell does at its start is not what is measured; bash does it over SSH too.
    settings = Path.home() / ".bashrc"
    if settings.exists():
        subprocess.run(["mount", "--bind", "/dev/null", str(settings)], check=True)
    with serving(folder / f"sshd-{count}") as server:
        passes = Passes(
            folder,
            count,
            ssh=server.yaml(),
            connection=_connection(server),
            account=server.account,
        )
        facts = time_passes(passes, runs)
        passes.remove()
    print(json.dumps([asdict(one) for one in facts]))


if __name__ == "__main__":
    main()
