"""`make demo`: a small home lab in a temporary folder, backed up step by step.

Everything happens below one folder that goes at the end: `--root` puts every absolute path of the
manifest there, so that no part of this machine is read or written.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
MANIFEST = CHECKOUT / "examples" / "homelab" / "backup-policy.yaml"
NAS = "@nas.example.net/volume1/Backup/lab"

ODD_NAMES = (
    b"with space.txt",
    b"[brackets] and *stars*?.txt",
    b"back\\slash",
    b"line\nbreak",
    b"-starts-with-a-dash",
    b"#starts-with-a-hash",
    b";starts-with-a-semicolon",
    b"not-utf8-\xff\xfe",
    b"great-wal",
    b"x" * 255,
)
SERVICES = ("nextcloud", "paperless", "gitea", "home-assistant", "postgresql-backup")


def main() -> int:
    """Build the lab, run the steps, and compare what arrived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", metavar="DIR", help="build in DIR and leave it there")
    options = parser.parse_args()
    if options.keep:
        Path(options.keep).mkdir(parents=True)
        return Demo(Path(options.keep)).show()
    with tempfile.TemporaryDirectory(prefix="policyctl-demo-") as folder:
        return Demo(Path(folder)).show()


class Demo:
    """One run of the demonstration below one folder."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.manifest = folder / "backup-policy.yaml"
        self.files = 0

    def show(self) -> int:
        """Run all steps; the exit code says whether everything was as it should be."""
        self.build()
        say(f"A home lab below {self.root}: {self.files} files in /srv/nfs and /srv/nfs-ssd, odd")
        say("names among them; /mnt/backup stands for the disk, @nas.example.net for the NAS.")
        say(f"Each command below runs with --root {self.root}.")
        shutil.copyfile(MANIFEST, self.manifest)

        step("check: is the manifest right, and is it proven that each path rides exactly one leg?")
        self.policyctl("check", "--with-rsync", quiet=True)
        step("plan: what would `apply` do? Data first, then legs, then files.")
        self.policyctl("plan")
        step("apply: write filters, timers and the plan; remember which disks are meant.")
        self.policyctl("apply", quiet=True)
        step("run sda-mirror: live data → local disk.")
        self.policyctl("run", "sda-mirror")
        step("run synology-direct: what is too large for the disk → NAS.")
        self.policyctl("run", "synology-direct")
        step("run host-config: the host's own files, keys among them → local disk.")
        self.policyctl("run", "host-config")
        step("run offsite: local disk → NAS, the second hop.")
        self.policyctl("run", "offsite")
        step("status: how does each leg stand?")
        self.policyctl("status")
        step("explain: where does one file go, and where are its copies?")
        self.policyctl("explain", "/srv/nfs/nextcloud/file-000.txt")
        self.policyctl("explain", "/srv/nfs/immich/library/photo-000.jpg")

        step("Now one line more in the manifest sends another directory past the disk:")
        because = '{leg: synology-direct, because: "the scans exist on paper"}'
        self.add_route(f"  /srv/nfs/paperless:  {because}")
        self.policyctl("plan")
        self.others()
        step("cluster: what the cluster runs, as CronJobs; nothing is sent there.")
        image = "registry.example.net/policyctl:1"
        self.policyctl("cluster", str(self.root.parent / "jobs"), "--image", image, quiet=True)
        return self.compare()

    def others(self) -> None:
        """Have every other leg of the manifest run, and say in a line each why it does not here."""
        step("The other legs need what no folder stands for. Each is run, and says so:")
        legs = json.loads(self.output("status", "--json"))["legs"]
        for leg in (one["leg"] for one in legs if one["last_run"] is None):
            said = self.output("run", leg, fails=True).splitlines()[0]
            say(f"skipped: {said}")
        ran = sum(one["last_run"] is not None for one in legs)
        say(f"{ran} of {len(legs)} legs have run; servers and volumes: make test, make lab.")

    def output(self, *words: str, fails: bool = False) -> str:
        """What a command prints, which may fail."""
        ended = subprocess.run(
            self.command(words),
            cwd=CHECKOUT,
            env=self.environment,
            check=False,
            capture_output=True,
        )
        if ended.returncode != 0 and not fails:
            raise SystemExit(f"demo: policyctl {words[0]} ended with {ended.returncode}")
        return ended.stdout.decode()

    def command(self, words: tuple[str, ...]) -> list[str]:
        """The command below the folder."""
        return [sys.executable, "-m", "policyctl.main", *words, "--root", str(self.root)]

    @property
    def environment(self) -> dict[str, str]:
        """Of each command."""
        return {**os.environ, "POLICYCTL_POLICY": str(self.manifest)}

    def build(self) -> None:
        """Make the trees that the manifest routes, and the places for copies."""
        chance = random.Random(41)
        nfs, ssd = self.root / "srv/nfs", self.root / "srv/nfs-ssd"
        for service in SERVICES:
            for number in range(40):
                self.put(nfs / service / f"file-{number:03}.txt", chance)
        for number in range(60):
            self.put(nfs / "immich/library" / f"photo-{number:03}.jpg", chance)
            self.put(ssd / "immich/thumbs" / f"thumb-{number:03}.webp", chance)
        for number in range(20):
            self.put(nfs / "frigate" / f"clip-{number:03}.mp4", chance)
        for name in ODD_NAMES:
            self.put_bytes(os.fsencode(nfs / "odd") + b"/" + name)
        self.put(nfs / "odd/my-travel-journal/day-1.txt", chance)
        self.put(nfs / "nextcloud/.DS_Store", chance)
        (nfs / "odd/empty").mkdir()
        (nfs / "odd/link-to-a-directory").symlink_to("../nextcloud")
        os.link(nfs / "nextcloud/file-000.txt", nfs / "odd/second-name-of-one-file")
        for path in ("etc/pve/storage.cfg", "usr/local/bin/script", "etc/systemd/system/a.timer"):
            self.put(self.root / path, chance)
        (self.root / "mnt/backup").mkdir(parents=True)
        (self.root / "mnt/backup/someone-elses-folder").mkdir()
        (self.root / NAS).mkdir(parents=True)

    def put(self, path: Path, chance: random.Random) -> None:
        """Write a small file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(chance.randbytes(chance.randrange(1, 4000)))
        self.files += 1

    def put_bytes(self, path: bytes) -> None:
        """Write a file whose name may be anything."""
        file = Path(os.fsdecode(path))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"odd\n")
        self.files += 1

    def policyctl(self, *words: str, quiet: bool = False) -> None:
        """Type a command; one that fails ends the demonstration."""
        print(f"$ policyctl {' '.join(words)}", flush=True)
        ended = subprocess.run(
            self.command(words),
            cwd=CHECKOUT,
            env=self.environment,
            check=False,
            stderr=subprocess.PIPE if quiet else None,
        )
        if ended.returncode != 0:
            if quiet:
                sys.stderr.buffer.write(ended.stderr)
            raise SystemExit(f"demo: policyctl {words[0]} ended with {ended.returncode}")

    def add_route(self, line: str) -> None:
        """Put one line behind the first route."""
        text = self.manifest.read_text("utf-8")
        after = "  /srv/nfs:            sda-mirror\n"
        assert after in text, "the example has changed: mend the demo"
        self.manifest.write_text(text.replace(after, f"{after}{line}\n"), "utf-8")
        print(line)

    def compare(self) -> int:
        """See for ourselves that everything arrived where it belongs, and nothing else."""
        step("And is it true? Compared by content, file by file:")
        nfs, disk, nas = self.root / "srv/nfs", self.root / "mnt/backup", self.root / NAS
        faults = [
            *differences(nfs, disk, (*SERVICES, "odd")),
            *differences(nfs, nas / "nfs", ("immich",)),
            *differences(self.root / "srv/nfs-ssd", nas / "nfs-ssd", ("immich",)),
            *differences(disk, nas / "pve-backup", (*SERVICES, "odd")),
        ]
        wrong = [disk / "immich", disk / "frigate", nas / "nfs/nextcloud", nas / "nfs/frigate"]
        wrong.append(nas / "pve-backup/someone-elses-folder")
        faults += [f"{path} should not be there" for path in wrong if path.exists()]
        if not (disk / "someone-elses-folder").is_dir():
            faults.append("somebody else's folder on the disk was deleted")
        for fault in faults:
            print(f"  WRONG: {fault}")
        if not faults:
            say("Every file is where its route says, equal to the last byte; nothing else is.")
        return 1 if faults else 0


def differences(left: Path, right: Path, names: tuple[str, ...]) -> list[str]:
    """What differs between two trees below these names, ignored litter aside."""
    found = []
    for name in names:
        pending = [filecmp.dircmp(left / name, right / name, ignore=[".DS_Store"], hide=[])]
        while pending:
            pair = pending.pop()
            _, mismatch, errors = filecmp.cmpfiles(
                pair.left, pair.right, pair.common_files, shallow=False
            )
            found += [f"only in {pair.left}: {one!r}" for one in pair.left_only]
            found += [f"only in {pair.right}: {one!r}" for one in pair.right_only]
            found += [f"differs: {pair.left}/{one!r}" for one in [*mismatch, *errors]]
            pending.extend(pair.subdirs.values())
    return found


def say(text: str) -> None:
    """Print an explanation."""
    print(f"# {text}", flush=True)


def step(text: str) -> None:
    """Print the headline of a step."""
    print(flush=True)
    say(text)


if __name__ == "__main__":
    sys.exit(main())
