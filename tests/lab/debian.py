"""The Debian of the lab's machines: from where this host gets its own packages, kept once made.

Apt's sources and proxies are read while a root directory is made. What is kept lies outside the
checkout, complete or not there: the finished directory is renamed to its name.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")
PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
ACQUIRE = re.compile(r'Acquire::(?:https?|Retries|Check|Force|Allow)[^ ]* "')
PATIENCE = 1200.0
"""Seconds that a build may take."""
FORGET_AFTER = 7 * 86_400.0
"""Seconds after its last use that an image is kept."""


class CannotBuild(Exception):
    """This host cannot have the lab, and why."""


def cache() -> Path:
    """Where images are kept: $POLICYCTL_LAB, or the host's cache."""
    chosen = os.environ.get("POLICYCTL_LAB")
    general = os.environ.get("XDG_CACHE_HOME") or "/var/cache"
    return Path(chosen) if chosen else Path(general) / "policyctl-lab"


def require(tools: Sequence[str]) -> None:
    """Raise `CannotBuild` where a tool is missing, or the right to build."""
    missing = [tool for tool in tools if shutil.which(tool, path=PATH) is None]
    if missing:
        raise CannotBuild(f"not installed: {', '.join(missing)} (tools/setup lab)")
    if os.geteuid() != 0:
        raise CannotBuild("the lab needs root")


def release(key: str = "VERSION_CODENAME") -> str:
    """What this host's release calls itself: its code name, or another key of os-release(5)."""
    file = Path("/etc/os-release")
    found = re.search(rf'^{key}="?([^"\n]+)', file.read_text(), re.MULTILINE)
    if found is None:
        raise CannotBuild(f"/etc/os-release names no {key}: it is no Debian or Ubuntu")
    return found[1]


def key(files: Sequence[Path], *words: str) -> str:
    """A name for what is made of these files and words; it differs once one of them does."""
    made_of = "\n".join([*words, *(file.read_text() for file in files)])
    return hashlib.sha256(made_of.encode()).hexdigest()[:16]


def kept(where: Path, name: str, build: Callable[[Path], None]) -> Path:
    """What lies under a name in the cache; where there is none, `build` makes the directory.

    One builds at a time; the others wait, and find it made.
    """
    made = where / name
    where.mkdir(parents=True, exist_ok=True)
    with _alone(where / "lock"):
        if not made.is_dir():
            with tempfile.TemporaryDirectory(dir=where, prefix="build-") as folder:
                work = Path(folder)
                work.chmod(0o755)  # apt's own user has to get through
                build(work / name)
                (work / name).rename(made)
        _forget_old(where, made)
    return made


def make_root(
    root: Path, *, packages: Sequence[str], left_out: Sequence[str], hooks: Sequence[str]
) -> None:
    """Make a root directory with these packages. Raises `CannotBuild`.

    `left_out` are patterns of files that no package may bring; `hooks` are mmdebstrap's options.
    """
    suite = release()
    options = root.with_name("apt.conf")
    options.write_text(_acquire_options())
    command = [
        "mmdebstrap",
        "--quiet",
        "--variant=minbase",
        f"--include={','.join(packages)}",
        f"--aptopt={options}",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in left_out),
        *hooks,
        suite,
        str(root),
        *map(str, _sources(suite)),
    ]
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "PATH": PATH, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CannotBuild(f"mmdebstrap did not end within {PATIENCE:.0f} s") from None
    if done.returncode != 0:
        last = " / ".join(done.stderr.strip().splitlines()[-4:])
        raise CannotBuild(f"mmdebstrap failed: {last}")
    (root / "etc/apt/apt.conf.d/99mmdebstrap").unlink()  # the host's options


def python_of(root: Path) -> str:
    """The version of a root directory's Python: `3.11`."""
    return (root / "usr/bin/python3").readlink().name.removeprefix("python")


def require_python(version: str) -> None:
    """Raise `CannotBuild` where .venv is of another Python than the machines."""
    mine = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if version != mine:
        raise CannotBuild(
            f"{release()} has Python {version}, and .venv {mine}: its packages do not load "
            "there; make .venv with PYTHON=/usr/bin/python3"
        )


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _forget_old(where: Path, made: Path) -> None:
    """Remove images that nobody has used for a while; the one in use is marked as such."""
    os.utime(made)
    for other in where.iterdir():
        if other.is_dir() and time.time() - other.stat().st_mtime > FORGET_AFTER:
            shutil.rmtree(other)


def _acquire_options() -> str:
    """How this host reaches its packages: proxies, time limits."""
    command = ["apt-config", "dump"]
    dump = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = [line for line in dump.splitlines() if ACQUIRE.match(line)]
    return "\n".join([*lines, 'Acquire::Languages "none";', ""])


def _sources(suite: str) -> list[Path]:
    """The host's files of apt sources that name the release."""
    apt = Path("/etc/apt")
    listed = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]
    files = [path for path in listed if path.suffix in {".list", ".sources"} and path.is_file()]
    found = [path for path in files if suite in path.read_text()]
    if not found:
        raise CannotBuild(f"no apt source of this host names {suite}")
    return found
