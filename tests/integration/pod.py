"""Stands in for a kubelet: runs the pod of a rendered job in a container of its own.

There is no cluster here. But what a pod spec says is put into practice by the same kernel: a root
of its own that is read-only, each volume at its mount path, one user and group, no capability but
those that are named, no new privileges, only the variables that stand there. A claim is a
directory, and so is an NFS export.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).parents[2]
_ETC = ("passwd", "group", "nsswitch.conf", "ld.so.cache", "alternatives", "ssl", "localtime")
"""What an image has of the system beside its programs."""
_PROGRAM = """\
#!/bin/sh
export PYTHONDONTWRITEBYTECODE=1
exec /opt/policyctl/.venv/bin/python -m policyctl.main "$@"
"""
_USR = ("bin", "sbin", "lib", "lib64")


@dataclass
class Kubelet:
    """A node: its claims, what it can mount, and its Secrets."""

    folder: Path
    claims: dict[str, Path] = field(default_factory=dict)
    """By namespace/name."""
    exports: dict[str, Path] = field(default_factory=dict)
    """Directories of NFS servers, by SERVER:/PATH; each with all that lies in it."""
    secrets: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """By namespace/name."""
    started: int = 0

    def start(self, file: Path, *more: str) -> subprocess.Popen[bytes]:
        """Start the pod of a job as it stands in a file, with more arguments for its command."""
        config, job = yaml.safe_load_all(file.read_bytes())
        pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        self.started += 1
        own = self.folder / f"pod-{self.started}"
        own.mkdir(parents=True)
        script = "\n".join(("set -eu", *self._script(pod, config, own, more)))
        return subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"PATH": os.environ["PATH"]},
        )

    def run(self, file: Path, *more: str) -> tuple[int, str]:
        """The same, until it ends: its code, and what it printed."""
        process = self.start(file, *more)
        said, _ = process.communicate(timeout=120)
        shutil.rmtree(self.folder / f"pod-{self.started}")  # nothing of it outlives its pod
        return process.returncode, said.decode()

    # ── What is done as root ─────────────────────────────────────────────────────────────────

    def _script(
        self, pod: dict[str, Any], config: dict[str, Any], own: Path, more: tuple[str, ...]
    ) -> Iterator[str]:
        root = own / "root"
        (container,) = pod["containers"]
        volumes = {one["name"]: one for one in pod["volumes"]}
        root.mkdir()
        yield f"mount -t tmpfs -o mode=0755 tmpfs {_word(root)}"
        yield from _image(root)
        # The outer ones first, as container runtimes do.
        for mount in sorted(container["volumeMounts"], key=lambda one: one["mountPath"].count("/")):
            there = self._volume(volumes[mount["name"]], own, config)
            there = there / mount["subPath"] if "subPath" in mount else there
            read_only = mount.get("readOnly") or volumes[mount["name"]].get("nfs", {}).get(
                "readOnly"
            )
            yield from _bind(there, root, mount["mountPath"], read_only=bool(read_only))
        yield f"mount -o remount,ro {_word(root)}"
        yield f"exec chroot {_word(root)} {shlex.join(self._command(pod, config, more))}"

    def _command(
        self, pod: dict[str, Any], config: dict[str, Any], more: tuple[str, ...]
    ) -> Iterator[str]:
        (container,) = pod["containers"]
        who, what = pod["securityContext"], container["securityContext"]
        assert who["runAsNonRoot"] is (who["runAsUser"] != 0)
        assert what["capabilities"]["drop"] == ["ALL"]
        yield from ("env", "-i", "PATH=/opt/bin:/usr/sbin:/usr/bin")
        for one in container["env"]:
            yield f"{one['name']}={self._value(one, config)}"
        added = "".join(f",+{name.lower()}" for name in what["capabilities"].get("add", ()))
        yield from ("setpriv", "--clear-groups", f"--bounding-set=-all{added}")
        yield from (f"--reuid={who['runAsUser']}", f"--regid={who['runAsGroup']}")
        yield f"--inh-caps=-all{added if who['runAsUser'] == 0 else ''}"
        if not what["allowPrivilegeEscalation"]:
            yield "--no-new-privs"
        yield from (*container["command"], *more)

    def _value(self, one: dict[str, Any], config: dict[str, Any]) -> str:
        if "value" in one:
            return str(one["value"])
        reference = one["valueFrom"]["secretKeyRef"]
        namespace = config["metadata"]["namespace"]
        return self.secrets[f"{namespace}/{reference['name']}"][reference["key"]].decode()

    # ── Volumes ──────────────────────────────────────────────────────────────────────────────

    def _volume(self, volume: dict[str, Any], own: Path, config: dict[str, Any]) -> Path:
        namespace = config["metadata"]["namespace"]
        made = own / f"volume-{volume['name']}"
        if "persistentVolumeClaim" in volume:
            return self.claims[f"{namespace}/{volume['persistentVolumeClaim']['claimName']}"]
        if "nfs" in volume:
            return self._exported(volume["nfs"])
        made.mkdir(exist_ok=True)
        if "emptyDir" in volume:
            made.chmod(0o777)
        elif "configMap" in volume:
            assert volume["configMap"]["name"] == config["metadata"]["name"]
            _write(made, {name: text.encode() for name, text in config["data"].items()}, 0o644)
        else:
            secret = volume["secret"]
            kept = self.secrets[f"{namespace}/{secret['secretName']}"]
            files = {one["path"]: kept[one["key"]] for one in secret["items"]}
            _write(made, files, secret["defaultMode"])
        return made

    def _exported(self, nfs: dict[str, Any]) -> Path:
        """It has to be there: nobody makes a directory on a server by mounting it."""
        wanted = f"{nfs['server']}:{nfs['path']}"
        for export, folder in self.exports.items():
            if wanted == export or wanted.startswith(f"{export}/"):
                found = folder / wanted.removeprefix(export).lstrip("/")
                assert found.is_dir(), found
                return found
        raise AssertionError(f"nobody exports {wanted}")


def _write(folder: Path, files: dict[str, bytes], mode: int) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(mode)


def _word(path: Path | str) -> str:
    return shlex.quote(str(path))


def _image(root: Path) -> Iterator[str]:
    """The programs of this system, and policyctl where its recipe puts it: nothing else."""
    for name in _USR:
        if Path("/", name).is_symlink():
            yield f"ln -s {_word(Path('/', name).readlink())} {_word(root / name)}"
        elif Path("/", name).is_dir():
            yield from _bind(Path("/", name), root, f"/{name}", read_only=True)
    yield from _bind(Path("/usr"), root, "/usr", read_only=True)
    if not sys.base_prefix.startswith("/usr"):
        yield from _bind(Path(sys.base_prefix), root, sys.base_prefix, read_only=True)
    yield from _bind(CHECKOUT, root, "/opt/policyctl", read_only=True)
    program = root / "opt/bin/policyctl"
    yield f"mkdir {_word(program.parent)}"
    yield f"printf %s {_word(_PROGRAM)} > {_word(program)}"
    yield f"chmod 0755 {_word(program)}"
    # Where the checkout lies is what this file says; here it is another place.
    (installed,) = (CHECKOUT / ".venv").glob("lib/python*/site-packages/_*policyctl.pth")
    own = root.with_name("policyctl.pth")
    own.write_text("/opt/policyctl\n")
    there = f"/opt/policyctl/{installed.relative_to(CHECKOUT)}"
    yield from _bind(own, root, there, read_only=True)
    for name in _ETC:
        if Path("/etc", name).exists():
            yield from _bind(Path("/etc", name), root, f"/etc/{name}", read_only=True)
    yield from _bind(Path("/dev"), root, "/dev", read_only=False)
    yield from _bind(Path("/proc"), root, "/proc", read_only=False)


def _bind(there: Path, root: Path, path: str, *, read_only: bool) -> Iterator[str]:
    place = root / path.lstrip("/")
    if there.is_dir():
        yield f"mkdir -p {_word(place)}"
    else:
        yield f"mkdir -p {_word(place.parent)}"
        yield f"[ -e {_word(place)} ] || : > {_word(place)}"
    yield f"mount --bind {_word(there)} {_word(place)}"
    if read_only:
        yield f"mount -o remount,bind,ro {_word(place)}"
