"""Jobs that run already, found in text; nothing that may be a secret is taken over (law 22)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.draft.jobs import (
    Job,
    Place,
    calendar_of,
    cron_entry,
    jobs_in,
    jobs_in_crontab,
    jobs_in_unit,
    scripts_in,
)
from engine.draft.told import job_words


def one(text: str) -> Job:
    (job,) = jobs_in(b"/f", text)
    return job


def here(*paths: str) -> tuple[Place, ...]:
    return tuple(Place(path=path.encode()) for path in paths)


class TestRsync:
    def test_between_directories(self) -> None:
        job = one("rsync -aHAX --delete --exclude /srv/tmp /srv/ /home /mnt/backup/all/")
        assert job.program == "rsync"
        assert job.reads == here("/srv", "/home")
        assert job.writes == Place(path=b"/mnt/backup/all")

    @pytest.mark.parametrize(
        "options",
        ["-aP", "-a -p", "-avz -u -i", "--archive --bwlimit=20", "--exclude-from /etc/x -a", "-o"],
    )
    def test_options_are_no_places(self, options: str) -> None:
        job = one(f"/usr/bin/rsync {options} /srv/data/ backup@nas.example.net:/volume1/data")
        assert job.reads == here("/srv/data")
        assert job.writes == Place(path=b"/volume1/data", host="nas.example.net", user="backup")

    @pytest.mark.parametrize("option", ["-e", "--rsh", "-aHe"])
    def test_the_shell_names_key_and_port(self, option: str) -> None:
        job = one(f"rsync {option} 'ssh -p 2222 -i /root/.ssh/nas' -a /srv nas:/b")
        assert (job.key, job.port) == (b"/root/.ssh/nas", 2222)
        assert job.writes == Place(path=b"/b", host="nas")

    def test_variables_of_a_script_are_filled_in(self) -> None:
        text = 'DEST="backup@nas:/volume1"\nexport FROM=/srv\nrsync -a "$FROM"/data/ ${DEST}/data\n'
        job = one(text)
        assert job.line == 3
        assert job.reads == here("/srv/data")
        assert job.writes == Place(path=b"/volume1/data", host="nas", user="backup")

    def test_a_path_is_known_up_to_a_variable(self) -> None:
        job = one('rsync -a "/srv/$d/" "nas:/volume1/b/$d/"')
        assert job.reads == here("/srv")
        assert job.writes == Place(path=b"/volume1/b", host="nas")
        assert one("rsync -a /srv nas:/$d").writes is None
        assert one("rsync -a /srv $USER@nas:/b").writes is None

    def test_what_is_not_known_is_left_out(self) -> None:
        job = one('rsync -a /srv "$DEST"')
        assert (job.reads, job.writes) == ((), None)

    def test_lines_that_go_on_and_comments(self) -> None:
        text = "# rsync -a /a /b\nrsync -a \\\n  /srv \\\n  /mnt/b  # nightly\n"
        job = one(text)
        assert (job.line, job.reads, job.writes) == (2, here("/srv"), Place(path=b"/mnt/b"))

    def test_several_in_one_line(self) -> None:
        jobs = jobs_in(b"/f", "rsync -a /a /x && rsync -a /b /y; echo rsync -a /c /z")
        assert [(job.reads, job.writes) for job in jobs] == [
            (here("/a"), Place(path=b"/x")),
            (here("/b"), Place(path=b"/y")),
        ]


class TestOthers:
    def test_borg(self) -> None:
        job = one("borg create -C zstd ssh://me:secret@far.example.net/./repo::{now} /srv /home")
        assert job.reads == here("/srv", "/home")
        assert job.writes == Place(path=b"", text="ssh://far.example.net/./repo")

    def test_restic(self) -> None:
        job = one("restic -r rest:https://me:secret@far.example.net:8000/token/ backup /srv")
        assert job.reads == here("/srv")
        assert job.writes == Place(path=b"", text="rest:https://far.example.net:8000/…")

    def test_a_local_repository(self) -> None:
        assert one("restic --repo=/mnt/usb/restic backup /srv").writes == Place(
            path=b"/mnt/usb/restic"
        )

    def test_of_a_dump_only_that_it_runs(self) -> None:
        job = one("mysqldump -u root -psecret --all-databases > /srv/dumps/all.sql")
        assert job == Job(file=b"/f", line=1, program="mysqldump")

    def test_rclone(self) -> None:
        job = one("rclone sync /srv/photos b2:bucket/photos")
        assert job.writes == Place(path=b"", text="b2:bucket/photos")


class TestCrontabs:
    def test_of_the_system(self) -> None:
        text = (
            "MAILTO=root\n# x\n30 2 * * 1-5\troot\trsync -a /srv /mnt/b\n"
            "@daily root borg create /b::x /srv\n"
        )
        jobs = jobs_in_crontab(b"/etc/crontab", text, with_user=True)
        assert [(job.line, job.when, job.program) for job in jobs] == [
            (3, "30 2 * * 1-5", "rsync"),
            (4, "@daily", "borg"),
        ]

    def test_of_a_user(self) -> None:
        (job,) = jobs_in_crontab(b"/c", "0 3 * * * rsync -a /home /mnt/b", with_user=False)
        assert job.reads == here("/home")

    @pytest.mark.parametrize("line", ["", "# 0 3 * * * x", "A=1", "A = 1", "0 3 * *", "@daily"])
    def test_what_is_no_entry(self, line: str) -> None:
        assert cron_entry(line, with_user=False) is None


class TestUnits:
    def test_what_a_service_starts(self) -> None:
        text = "[Service]\nExecStartPre=-/bin/true\nExecStart=/usr/bin/restic backup /srv\n"
        (job,) = jobs_in_unit(b"/u", text, when="daily")
        assert (job.line, job.when, job.reads) == (3, "daily", here("/srv"))

    def test_when(self) -> None:
        assert calendar_of("[Timer]\nOnCalendar=*-*-* 02:00\nOnBootSec = 5m\n") == "*-*-* 02:00; 5m"

    def test_scripts(self) -> None:
        assert scripts_in("/usr/bin/nice /opt/backup.sh --all relative") == (
            b"/usr/bin/nice",
            b"/opt/backup.sh",
        )


SECRETS = [
    "RSYNC_PASSWORD=hunter2 rsync -a /srv nas:/b",
    "rsync -a /srv rsync://me:hunter2@nas/module",
    "rsync -a --password-file /etc/x /srv me:hunter2@nas:/b",
    "sshpass -p hunter2 rsync -a /srv nas:/b",
    "BORG_PASSPHRASE='hunter2' borg create ssh://me:hunter2@nas/r::x /srv",
    "restic -r s3:https://key:hunter2@s3.example.net/bucket backup /srv",
    "restic -r rest:https://nas/hunter2/ backup /srv && curl -d hunter2 https://hooks/hunter2",
    "PGPASSWORD=hunter2 pg_dump -h db -U me --password hunter2 app > /srv/x.sql",
    "mysqldump --password=hunter2 app | ssh me@nas 'cat > /hunter2'",
    "restic --password hunter2 -r /b backup /srv",
    "borg create --passphrase hunter2 /b::x /srv",
    "rclone sync /srv :sftp,host=nas,pass=hunter2:/b",
    "PASS=hunter2\nrsync -a /srv me:$PASS@nas:/b",
]


@pytest.mark.parametrize("text", SECRETS)
def test_law_22_no_secret_is_taken_over(text: str) -> None:
    jobs = jobs_in(b"/etc/cron.daily/backup", text)
    assert jobs
    assert "hunter2" not in repr(jobs) + "".join(map(job_words, jobs))


@given(st.text())
def test_any_text_can_be_looked_through(text: str) -> None:
    jobs_in(b"/f", text)
    jobs_in(b"/f", f"rsync {text}")
    jobs_in_crontab(b"/f", text, with_user=True)
    jobs_in_unit(b"/f", f"ExecStart={text}")
    scripts_in(text)
