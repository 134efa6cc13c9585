"""A real Pushgateway on loopback, and what it shows."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

from prometheus_client.parser import text_string_to_metric_families

PROGRAMS = ("prometheus-pushgateway", "pushgateway")


@dataclass(frozen=True)
class Gateway:
    """How to reach it."""

    url: str

    @property
    def text(self) -> str:
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    def series(self, prefix: str = "policyctl_") -> dict[str, float]:
        """Every series whose name begins so: `name{label="value"}`, without job and instance."""
        return series(self.text, prefix)


def series(text: str, prefix: str = "policyctl_") -> dict[str, float]:
    """Series of an exposition, their labels sorted."""
    found = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            assert one.timestamp is None, "a series carries its own time as a value"
            if one.name.startswith(prefix):
                labels = {k: v for k, v in sorted(one.labels.items()) if k not in OWN}
                inner = ",".join(f'{key}="{value}"' for key, value in labels.items())
                found[f"{one.name}{{{inner}}}"] = one.value
    return found


OWN = ("job", "instance")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    assert isinstance(port, int)
    return port


@contextmanager
def gateway(directory: Path) -> Iterator[Gateway]:
    """Start one on a free port, and stop it by its own process."""
    program = next(filter(None, map(shutil.which, PROGRAMS)))
    address = f"127.0.0.1:{free_port()}"
    command = [str(program), f"--web.listen-address={address}", "--persistence.file="]
    with (directory / "gateway.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=directory)
    try:
        found = Gateway(f"http://{address}")
        _wait_for(found, process)
        yield found
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(one: Gateway, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert process.poll() is None, "the gateway ended at once: see gateway.log"
        try:
            assert one.text
        except (URLError, OSError):
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the gateway gives no answer")
