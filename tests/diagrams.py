"""Diagrams read by Mermaid itself, as a page shows them; `tools/setup test` installs it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INSTALLED = ROOT / ".venv/diagrams"


@dataclass
class Diagram:
    """What Mermaid has read."""

    kind: str = ""
    texts: list[str] = field(default_factory=list)
    error: str = ""


@dataclass
class Reader:
    """A process that reads one diagram after another."""

    process: subprocess.Popen[str]

    def __call__(self, text: str) -> Diagram:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(text) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "Mermaid has ended"
        return Diagram(**json.loads(answer))


@contextmanager
def reading() -> Iterator[Reader]:
    """A reader for the length of the block."""
    assert (INSTALLED / "node_modules/mermaid").is_dir(), "Mermaid is missing: tools/setup test"
    command = ["node", str(ROOT / "tests/mermaid/read.mjs"), str(INSTALLED)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield Reader(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
