"""Strict stand-ins for commands: each call has to be the next one that was expected, word by word.

For tools that need a kernel or a cluster which a test does not have; where the tool itself runs, it
is the judge (`tests/lab`).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_PROGRAM = """#!{python} -IS
import json, os, sys, time
script = {script!r}
with open(script) as file:
    calls = json.load(file)
words = [os.path.basename(sys.argv[0]), *sys.argv[1:]]
left = [one for one in calls if not one["done"]]
if not left or left[0]["argv"] != words:
    with open(script + ".unexpected", "a") as file:
        file.write(repr(words) + "\\n")
    sys.exit("unexpected: " + repr(words))
call = left[0]
call["done"] = True
call["env"] = dict(os.environ)
with open(script + ".new", "w") as file:
    json.dump(calls, file)
os.replace(script + ".new", script)
time.sleep(call["seconds"])
sys.stdout.write(call["out"])
sys.stderr.write(call["err"])
sys.exit(call["code"])
"""


@dataclass
class FakeCommands:
    """Programs that come first in PATH."""

    folder: Path

    @property
    def script(self) -> Path:
        return self.folder / "calls.json"

    @property
    def calls(self) -> list[dict[str, Any]]:
        """What is expected, and what of it was called, with what it found set."""
        return json.loads(self.script.read_text()) if self.script.exists() else []

    def expect(
        self,
        argv: Sequence[bytes | str],
        *,
        out: str = "",
        err: str = "",
        code: int = 0,
        seconds: float = 0.0,
    ) -> None:
        """Expect this call after those expected before, and answer like that."""
        words = [os.fsdecode(one) for one in argv]
        call = {"argv": words, "out": out, "err": err, "code": code, "seconds": seconds}
        self.script.write_text(json.dumps([*self.calls, {**call, "done": False, "env": {}}]))
        program = self.folder / words[0]
        program.write_text(_PROGRAM.format(python=sys.executable, script=str(self.script)))
        program.chmod(0o755)

    def check(self) -> None:
        """Fail where a call was not expected, or an expected one never came."""
        unexpected = Path(f"{self.script}.unexpected")
        assert not unexpected.exists(), unexpected.read_text()
        assert [one["argv"] for one in self.calls if not one["done"]] == []


@contextmanager
def fake_commands(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCommands]:
    """Put a folder of stand-ins first in PATH for the length of the block."""
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    fakes = FakeCommands(folder)
    yield fakes
    fakes.check()
