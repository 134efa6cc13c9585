"""`policyctl init` as a user meets it: from a machine to a manifest, and on to the first run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.test_cli import Done, policyctl

pytestmark = pytest.mark.tool("rsync")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A server with data, a disk for backups, and a cron job of old."""
    found = tmp_path / "root"
    files = {
        "etc/hostname": "server\n",
        "etc/timezone": "Europe/Sofia\n",
        "etc/fstab": "/dev/sdb1 /mnt/backup ext4 defaults 0 2\n",
        "etc/cron.d/backup": (
            "0 3 * * * root RSYNC_PASSWORD=hunter2 rsync -a /srv/ me@nas.example.net:/vol/srv/\n"
        ),
        "srv/photos/cat.jpg": "a cat",
        "srv/odd [name] *?/it's \\ #1": "odd",
        "home/ann/letter": "dear",
        "var/lib/postgresql/15/main/PG_VERSION": "15",
    }
    for path, text in files.items():
        file = found / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for place in ("mnt/backup", "@nas.example.net/vol/policyctl"):
        (found / place).mkdir(parents=True)
    return found


def init(root: Path, *arguments: str) -> Done:
    return policyctl("init", "--root", str(root), *arguments, cwd=root.parent)


def test_it_is_printed_and_nothing_is_written(root: Path) -> None:
    before = sorted(root.rglob("*"))
    done = init(root)
    assert done.code == 0, done.err
    assert done.out.startswith("# A first manifest")
    assert "nothing was written" in done.err
    assert "sources: home, srv, system" in done.err
    assert sorted(root.rglob("*")) == before


def test_what_is_said_of_databases_and_jobs(root: Path) -> None:
    done = init(root)
    assert "PostgreSQL: /var/lib/postgresql" in done.out
    assert "/etc/cron.d/backup:1 (0 3 * * *)  rsync: /srv → me@nas.example.net:/vol/srv" in done.out
    assert "hunter2" not in done.out + done.err
    said = [line for line in done.out.splitlines() if not line.lstrip().startswith("#")]
    assert "kind: dump" not in "\n".join(said), "nobody here can guess who may read it"
    assert "#     {kind: postgresql, connect: {socket: /run/postgresql, " in done.out


def test_from_the_draft_to_the_first_run(root: Path) -> None:
    manifest = root.parent / "backup-policy.yaml"
    done = init(root, "--output", str(manifest))
    assert done.code == 0, done.err
    assert done.out == ""
    assert f"policyctl check --policy {manifest}" in done.err
    checked = policyctl("check", "--strict", "--with-rsync", "-p", str(manifest))
    assert checked.code == 0, checked.err
    for command in ("apply", "run"):
        more = ["--all"] if command == "run" else ["-p", str(manifest)]
        done = policyctl(command, *more, "--root", str(root))
        assert done.code == 0, (command, done.out, done.err)
    for place in ("mnt/backup", "@nas.example.net/vol/policyctl/disk"):
        assert (root / place / "srv/photos/cat.jpg").read_text() == "a cat"
        assert (root / place / "srv/odd [name] *?/it's \\ #1").read_text() == "odd"
        assert (root / place / "system/etc/hostname").read_text() == "server\n"


def test_no_file_is_ever_overwritten(root: Path) -> None:
    there = root.parent / "mine.yaml"
    there.write_text("mine")
    done = init(root, "--output", str(there))
    assert done.code == 5
    assert "is there already, and stays as it is" in done.err
    assert there.read_text() == "mine"
    there.unlink()
    there.symlink_to("nowhere")
    assert init(root, "--output", str(there)).code == 5
    assert not (root.parent / "nowhere").exists()


def test_where_it_cannot_be_written(root: Path) -> None:
    done = init(root, "--output", str(root.parent / "none" / "x.yaml"))
    assert done.code == 5
    assert "cannot be written: No such file or directory" in done.err


def test_as_json(root: Path) -> None:
    done = init(root, "--json")
    assert done.code == 0, done.err
    assert done.json["manifest"] == init(root).out
    assert done.json["sources"] == ["home", "srv", "system"]
    assert done.json["destinations"] == ["disk", "far"]
    assert done.json["guesses"] > 3
    assert done.json["output"] is None
    assert any("lvs" in one for one in done.json["left_out"])


def test_a_root_that_is_not_there(tmp_path: Path) -> None:
    done = init(tmp_path / "none")
    assert done.code == 5
    assert "is no directory" in done.err


def test_this_very_machine(tmp_path: Path) -> None:
    done = policyctl("init", cwd=tmp_path)
    assert done.code == 0, done.err
    manifest = tmp_path / "m.yaml"
    manifest.write_text(done.out)
    assert policyctl("check", "--strict", "-p", str(manifest)).code == 0
