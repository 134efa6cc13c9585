"""Jobs of a cluster in containers with the user, rights and mounts that their pods ask for."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.test_cli import Machine, policyctl
from tests.integration.pod import Kubelet
from tests.integration.sshd import Server, serving

pytestmark = [
    pytest.mark.root,
    pytest.mark.tool("rsync", "sshd", "ssh", "unshare", "setpriv", "chroot"),
]
MANIFEST = """\
version: 1
host: myhost
timezone: UTC
destinations:
  disk: {{path: /mnt/disk, media: hdd, site: home}}
sources:
  data: {{kind: tree, path: /srv/data, export: "192.0.2.10:/srv/data"}}
  photos: {{kind: tree, path: /photos}}
  app: {{kind: tree, path: /var/lib/app}}
  router: {{kind: device, {ssh}}}
legs:
  nightly: {{kind: mirror, to: "disk:/data", schedule: "05:00"}}
  photos-versions:
    kind: versions
    from: photos
    to: "data:/photos"
    keep: {{last: 2}}
    schedule: "01:00"
    preserve: [times, perms, hardlinks]
    runner: {{kubernetes: {{namespace: photos, volume: photos/library, user: 1000}}}}
  app-versions:
    kind: versions
    from: app
    to: "data:/app"
    keep: {{last: 2}}
    schedule: "01:00"
    runner: {{kubernetes: {{namespace: app, volume: app/data, user: 0}}}}
  app-databases:
    kind: sqlite
    from: app
    to: "data:/app-databases"
    keep: {{last: 2}}
    schedule: "02:00"
    runner: {{kubernetes: {{namespace: app, volume: app/data, user: 0}}}}
  router-config:
    kind: fetch
    from: router
    to: "data:/router"
    keep: {{last: 2}}
    files: {{config.xml: {{run: [cat, {config}], parse: xml}}}}
    schedule: "03:00"
    timeout: 1m
    runner: {{kubernetes: {{namespace: net, secret: router-key}}}}
routes: {{/srv/data: nightly}}
"""
IMAGE = "registry.example.net/policyctl:1.0"
NOBODY, OWNER = 65534, 1000
ODD = b"new\nline \xff"


class Lab:
    """A host, and a node of the cluster beside it."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.config = folder / "config.xml"
        self.config.write_text("<config/>")
        text = MANIFEST.format(ssh=server.yaml(), config=self.config)
        self.machine = Machine(folder, text)
        shutil.rmtree(self.machine.root / "srv/archive")
        done = self.machine("apply")
        assert done.code == 0, done.err
        done = self.machine("cluster", "jobs", "--image", IMAGE)
        assert done.code == 0, done.err
        self.photos, self.app = folder / "photos", folder / "app"
        self.photos.mkdir()
        self.app.mkdir()
        keys = {one: (server.directory / one).read_bytes() for one in ("key", "known_hosts")}
        self.export = self.machine.root / "srv/data"
        self.node = Kubelet(
            folder / "node",
            claims={"photos/library": self.photos, "app/data": self.app},
            exports={"192.0.2.10:/srv/data": self.export},
            secrets={"net/router-key": keys},
        )
        users = {"photos": OWNER, "app": 0, "app-databases": 0, "router": NOBODY}
        for name, user in users.items():
            (self.export / name).mkdir(mode=0o750)
            os.chown(self.export / name, user, user)

    def job(self, leg: str) -> Path:
        (found,) = (self.machine.folder / "jobs").rglob(f"{leg}.yaml")
        return found

    def run(self, leg: str, *more: str, code: int = 0) -> str:
        time.sleep(1.0)  # a generation has the name of its second
        ended, said = self.node.run(self.job(leg), *more)
        assert ended == code, said
        return said

    def generations(self, name: str) -> list[Path]:
        return sorted(one for one in (self.export / name).iterdir() if one.name[:1] != ".")

    def health(self, leg: str) -> str:
        found = self.machine("status", "--json").json["legs"]
        return str(next(one["health"] for one in found if one["leg"] == leg))


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with serving(tmp_path / "sshd") as server:
        yield Lab(tmp_path, server)


def owned(folder: Path, user: int) -> None:
    subprocess.run(["chown", "--recursive", f"{user}:{user}", folder], check=True)


def listed(folder: Path) -> dict[bytes, tuple[int, int, int, bytes]]:
    """Each file by its path: its mode, owner, time and content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        time = status.st_mtime_ns if path.is_file() else 0
        found[bytes(path.relative_to(folder))] = (status.st_mode, status.st_uid, time, content)
    return found


def filled(photos: Path) -> None:
    """Also directories that nobody may write, as an application leaves them."""
    (photos / "2026/closed").mkdir(parents=True)
    (photos / "2026/closed/a.jpg").write_bytes(b"jpg" * 1000)
    (photos / "b.jpg").hardlink_to(photos / "2026/closed/a.jpg")
    (photos / os.fsdecode(ODD)).write_bytes(b"odd")
    (photos / "2026/closed").chmod(0o555)
    owned(photos, OWNER)


def test_versions_of_a_claim_by_an_account_that_is_not_root(lab: Lab) -> None:
    filled(lab.photos)
    for text in ("one", "two", "three"):
        (lab.photos / "changing").write_text(text)
        owned(lab.photos, OWNER)
        lab.run("photos-versions")
    first, second = lab.generations("photos")  # keep: {last: 2}
    assert listed(second) == listed(lab.photos)
    assert (first / "changing").read_text() == "two"
    linked = {(one / "2026/closed/a.jpg").stat().st_ino for one in (first, second)}
    assert len(linked) == 1
    assert (second / "b.jpg").stat().st_ino in linked
    assert lab.health("photos-versions") == "fresh"
    to = lab.machine.folder / "back"
    done = lab.machine("restore", "photos:", "--to", str(to))
    assert done.code == 0, (done.out, done.err)
    (came,) = to.iterdir()
    assert listed(came) == listed(lab.photos)


def test_versions_by_root_keep_whose_each_file_is(lab: Lab) -> None:
    (lab.app / "db").mkdir()
    for name, user in (("db/a", 999), ("b", 33), ("c", 0)):
        (lab.app / name).write_text(name)
        (lab.app / name).chmod(0o600)
        os.chown(lab.app / name, user, user)
    (lab.app / "db").chmod(0o700)
    os.chown(lab.app / "db", 999, 999)
    lab.run("app-versions")
    (made,) = lab.generations("app")
    assert listed(made) == listed(lab.app)


def test_law_18_what_shrank_since_the_last_pod_is_noticed(lab: Lab) -> None:
    """The records that it is compared with lie beside the product."""
    for number in range(200):
        (lab.photos / f"{number}.jpg").write_bytes(b"jpg")
    owned(lab.photos, OWNER)
    lab.run("photos-versions")
    for number in range(195):
        (lab.photos / f"{number}.jpg").unlink()
    said = lab.run("photos-versions", code=5)
    assert "5 entries, and 200 at the last success" in said
    assert len(lab.generations("photos")) == 1
    assert lab.health("photos-versions") == "failing"
    lab.run("photos-versions", "--allow", "smaller-source")
    assert len(lab.generations("photos")) == 2


def test_a_directory_of_another_account_is_told_with_what_mends_it(lab: Lab) -> None:
    filled(lab.photos)
    os.chown(lab.export / "photos", 0, 0)
    said = lab.run("photos-versions", code=5)
    told = "The job runs as uid 1000, and the directory is that of uid 0 (mode 0750)"
    assert told in " ".join(said.split()), said
    command = "install -d -o 1000 -g 1000 -m 0750 /srv/data/photos"
    assert f"type on 192.0.2.10: {command}" in " ".join(said.split())
    assert "b'" not in said
    path = str(lab.export / "photos")
    subprocess.run([*command.split()[:-1], path], check=True)
    lab.run("photos-versions")
    (lab.export / "photos").chmod(0o500)
    assert "of uid 1000 (mode 0500)" in " ".join(lab.run("photos-versions", code=5).split())


def test_root_dumps_and_fetches_without_any_capability(lab: Lab) -> None:
    """Its directory is its own, and so is the key."""
    lab.machine.edit("secret: router-key", "secret: router-key, user: 0")
    assert lab.machine("apply").code == 0
    assert lab.machine("cluster", "jobs", "--image", IMAGE).code == 0
    assert "DAC_OVERRIDE" not in lab.job("router-config").read_text()
    os.chown(lab.export / "router", 0, 0)
    lab.run("router-config")
    assert len(lab.generations("router")) == 1


def test_what_lost_its_records_is_taken_over_once_nobody_else_may_write(lab: Lab) -> None:
    """And nothing has to be typed for it: the state of the host knows nothing of it."""
    filled(lab.photos)
    lab.run("photos-versions")
    (first,) = lab.generations("photos")
    (lab.export / "photos/.policyctl-status.json").unlink()
    (lab.export / "photos").chmod(0o770)
    said = " ".join(lab.run("photos-versions").split())
    assert f"{first.name} at the destination is not this leg's" in said
    assert "the next job takes them over, once nobody else may write in their directory" in said
    assert "policyctl adopt" not in said
    root = str(lab.machine.root)
    done = policyctl("adopt", "data:/photos", "--by", "photos-versions", "--root", root)
    assert (done.code, "nothing has to be adopted" in " ".join(done.err.split())) == (5, True), (
        done.err
    )
    (lab.export / "photos").chmod(0o750)
    lab.run("photos-versions")
    lab.run("photos-versions")
    assert len(lab.generations("photos")) == 2  # keep: {last: 2}
    assert not first.exists()


def test_what_a_job_may_not_read_keeps_it_from_making_a_generation(lab: Lab) -> None:
    filled(lab.photos)
    (lab.photos / "closed").write_text("x")
    (lab.photos / "closed").chmod(0o600)
    assert "Permission denied" in lab.run("photos-versions", code=6)
    assert lab.generations("photos") == []
    os.chown(lab.photos / "closed", OWNER, OWNER)
    lab.run("photos-versions")
    assert len(lab.generations("photos")) == 1


def test_a_claim_that_is_empty_is_no_generation(lab: Lab) -> None:
    said = lab.run("photos-versions", code=5)
    assert "an empty source is never mirrored" in said
    assert lab.generations("photos") == []


def test_law_15_a_pod_that_is_killed_leaves_nothing_that_counts(lab: Lab) -> None:
    filled(lab.photos)
    lab.run("photos-versions")
    for number in range(3000):
        (lab.photos / f"{number}.jpg").write_bytes(os.urandom(2000))
    owned(lab.photos, OWNER)
    time.sleep(1.0)
    process = lab.node.start(lab.job("photos-versions"))
    staging = lab.export / "photos/.policyctl-staging"
    deadline = time.monotonic() + 60
    while len(list(staging.rglob("*.jpg"))) < 100:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    kill_all(process)
    assert len(lab.generations("photos")) == 1
    lab.run("photos-versions")
    first, second = lab.generations("photos")
    assert not (first / "1.jpg").exists()
    assert listed(second) == listed(lab.photos)
    assert not staging.exists()


def kill_all(process: subprocess.Popen[bytes]) -> None:
    """As a node that loses its power: the job, and all that it has started."""
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, check=False
    )
    for one in (process.pid, *map(int, children.stdout.split())):
        os.kill(one, signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_databases_of_a_claim_with_what_is_in_their_logs(lab: Lab) -> None:
    with closing(sqlite3.connect(lab.app / "app.db")) as database:
        database.execute("PRAGMA journal_mode = wal")
        database.execute("CREATE TABLE t (a)")
        database.execute("INSERT INTO t VALUES (1)")
        database.commit()
        owned(lab.app, OWNER)
        lab.run("app-databases")
    (made,) = lab.generations("app-databases")
    with closing(sqlite3.connect(made / "app.db")) as copy:
        assert copy.execute("SELECT a FROM t").fetchall() == [(1,)]


def test_a_device_is_asked_with_a_key_of_a_secret(lab: Lab) -> None:
    lab.run("router-config")
    (made,) = lab.generations("router")
    assert (made / "config.xml").read_text() == "<config/>"
    lab.config.write_text("<config")
    lab.run("router-config", code=5)
    assert len(lab.generations("router")) == 1
    job = lab.job("router-config").read_text()
    assert "PRIVATE KEY" not in job


def test_a_claim_is_read_and_never_written(lab: Lab) -> None:
    """Its mount is read-only where SQLite does not need another one."""
    for leg, read_only in (("photos-versions", True), ("app-databases", False)):
        text = lab.job(leg).read_text()
        assert ("mountPath: /photos\n              readOnly: true" in text) is read_only, text


def test_the_host_knows_what_jobs_have_made(lab: Lab) -> None:
    """By their records: its copies are dated, kept and restored as those of its own legs are."""
    host = lab.machine
    filled(lab.photos)
    lab.run("photos-versions")
    time.sleep(1.0)
    assert host("run", "nightly").code == 0
    (made,) = lab.generations("photos")
    known = {one["source"]: one for one in host("status", "--json").json["sources"]}
    assert (known["photos"]["safety"], known["photos"]["fresh_copies"]) == ("safe", 2), known
    said = host("show", "generations", "photos-versions").out
    assert f"{made.name}  " in said
    assert "verified" in said
    told = host("explain", "/photos/b.jpg").out
    assert told.count("0 m old") == 2, told
    made.rename(host.root / "gone")
    done = host("restore", "/photos/b.jpg")
    assert done.code == 0, (done.out, done.err)
    assert "it is the only one that may be taken" in done.out, done.out
    assert (host.folder / "restored-from-disk/b.jpg").read_bytes() == b"jpg" * 1000


def test_nothing_of_a_claim_is_put_in_a_place_of_the_host(lab: Lab) -> None:
    """That path is another thing here, or nothing."""
    filled(lab.photos)
    lab.run("photos-versions")
    for path in ("/photos/b.jpg", "/photos/2026", "photos:"):
        done = lab.machine("restore", path, "--in-place", "--yes", path.rpartition("/")[2])
        assert done.code == 5, (done.out, done.err)
        said = " ".join(done.err.split())
        assert "lies on the claim library of the namespace photos" in said
        assert "runbooks/photos.md" in said
    assert not (lab.machine.root / "photos").exists()
    assert lab.machine("docs", "pages").code == 0
    text = (lab.machine.folder / "pages/runbooks/photos.md").read_text()
    (carried,) = (one for one in text.splitlines() if one.startswith("tar "))
    assert lab.machine("restore", "/photos", "--to", str(lab.machine.folder / "back")).code == 0
    # The pod is this shell, and its claim was emptied.
    expected = listed(lab.photos)
    shutil.rmtree(lab.photos)
    lab.photos.mkdir()
    shell = 'kubectl() { shift 6; "$@"; }'
    values = f"FOLDER={lab.machine.folder}/back/photos INTO={lab.photos}"
    subprocess.run(["bash", "-ec", f"{shell}; {values}; {carried}"], check=True)
    assert listed(lab.photos) == expected


def test_a_host_measures_nothing_that_lies_in_a_cluster(lab: Lab) -> None:
    done = lab.machine("measure")
    assert (done.code, "photos" in done.err) == (0, False), done.err
    named = lab.machine("measure", "photos")
    assert (named.code, "photos lies in a cluster" in named.err) == (5, True)


def test_what_a_job_may_not_read_is_told_and_may_be_tolerated(lab: Lab) -> None:
    filled(lab.photos)
    lab.run("photos-versions")
    for name in ("closed", "shut/inside"):
        (lab.photos / name).parent.mkdir(exist_ok=True)
        (lab.photos / name).write_text("of root")
        (lab.photos / name).chmod(0o600)
    (lab.photos / "shut").chmod(0o700)
    said = lab.run("photos-versions", code=6)
    assert "closed" in said
    assert len(lab.generations("photos")) == 1
    lab.machine.edit(
        "    preserve: [times, perms, hardlinks]\n",
        "    preserve: [times, perms, hardlinks]\n    tolerate: [unreadable]\n",
    )
    assert lab.machine("apply").code == 0
    assert lab.machine("cluster", "jobs", "--image", IMAGE).code == 0
    for _ in range(3):
        assert "which is tolerated" in lab.run("photos-versions")
    older, newest = lab.generations("photos")  # keep: {last: 2}
    assert not (newest / "closed").exists()
    assert (newest / "b.jpg").stat().st_ino == (older / "b.jpg").stat().st_ino


def test_what_nobody_may_write_goes_like_all_else(lab: Lab) -> None:
    """A directory without the right to write cannot be moved by who is not root."""
    filled(lab.photos)
    lab.photos.chmod(0o555)
    for _ in range(4):
        lab.run("photos-versions")
    assert len(lab.generations("photos")) == 2  # keep: {last: 2}
