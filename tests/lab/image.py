"""The lab's image: a small Debian with systemd, built once and kept outside the checkout.

Its packages come from where this host gets its own: apt's sources and proxies are read while it is
built. A build is complete or not there: the finished directory is renamed to its key.
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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROVISION = HERE / "provision.sh"
PACKAGES = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "python3",
    "rsync",
    "openssh-client",
    "openssh-server",
    "curl",
    "e2fsprogs",
    "procps",
    "tzdata",
    "prometheus",
    "prometheus-pushgateway",
)
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")
TOOLS = ("mmdebstrap", "systemd-nspawn", "nsenter", "setpriv", "losetup", "mkfs.ext4")
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


def image(where: Path) -> Path:
    """The root directory of the image, built if it is not there. Raises `CannotBuild`."""
    missing = [tool for tool in TOOLS if shutil.which(tool, path=PATH) is None]
    if missing:
        raise CannotBuild(f"not installed: {', '.join(missing)} (tools/setup lab)")
    if os.geteuid() != 0:
        raise CannotBuild("the lab needs root")
    suite = _suite()
    root = where / _key(suite)
    where.mkdir(parents=True, exist_ok=True)
    with _alone(where / "lock"):
        if not root.is_dir():
            _build(suite, root)
        _forget_old(where, root)
    version = _python_of(root)
    if version != sys.version_info[:2]:
        raise CannotBuild(
            f"{suite} has Python {version[0]}.{version[1]}, and .venv another: its packages do not "
            "load there; make .venv with PYTHON=/usr/bin/python3"
        )
    return root


def _suite() -> str:
    release = Path("/etc/os-release")
    found = re.search(r"^VERSION_CODENAME=(\S+)$", release.read_text(), re.MULTILINE)
    if found is None:
        raise CannotBuild("/etc/os-release names no release of Debian or Ubuntu")
    return found[1]


def _key(suite: str) -> str:
    made_of = "\n".join([suite, Path(__file__).read_text(), PROVISION.read_text()])
    return f"{suite}-{hashlib.sha256(made_of.encode()).hexdigest()[:16]}"


def _python_of(root: Path) -> tuple[int, int]:
    name = (root / "usr/bin/python3").readlink().name
    major, minor = name.removeprefix("python").split(".")
    return int(major), int(minor)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One build at a time; the others wait, and find it made."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(suite: str, root: Path) -> None:
    with tempfile.TemporaryDirectory(dir=root.parent, prefix="build-") as folder:
        work = Path(folder)
        work.chmod(0o755)  # apt's own user has to get through
        options = work / "apt.conf"
        options.write_text(_acquire_options())
        command = [
            "mmdebstrap",
            "--quiet",
            "--variant=minbase",
            f"--include={','.join(PACKAGES)}",
            f"--aptopt={options}",
            *(f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT),
            f"--customize-hook={PROVISION}",
            suite,
            str(work / "root"),
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
        (work / "root/etc/apt/apt.conf.d/99mmdebstrap").unlink()  # the host's options
        (work / "root").rename(root)


def _forget_old(where: Path, root: Path) -> None:
    """Remove images that nobody has used for a while; the one in use is marked as such."""
    os.utime(root)
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
