"""Telling, to a real Pushgateway and to a textfile folder, on every way out."""

import json
import os
import shutil
import socket
import sqlite3
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from engine.alerts.metrics import METRICS, status_label
from engine.plan.readers import readers_of
from engine.records.journal import Change
from engine.records.reports import RunReport, RunStatus
from engine.standing.facts import TrackerFacts, TreeFacts
from engine.system.host.lock import hold
from engine.system.journal.journal import open_journal
from engine.system.state.reading import read_journal, read_state
from engine.system.state.records import ItemRecord, RoomRecord, RunRecord
from engine.system.state.renames import follow_renames
from engine.system.state.state import StateUnusable, open_state
from engine.system.telling import tell, tellers
from engine.system.telling.facts import tracker_facts
from engine.system.telling.forget import forget, note_leaving, still_there
from engine.system.telling.tell import tell_renamed, tell_run
from tests.integration.gateway import Gateway, free_port, gateway, series
from tests.integration.lab import Lab, compiled, manifest, only, write

pytestmark = pytest.mark.tool("rsync")
needs_gateway = pytest.mark.tool("prometheus-pushgateway")
RUN = "policyctl_leg_last_run_timestamp_seconds"
SUCCESS = "policyctl_leg_last_success_timestamp_seconds"
REFUSAL = "policyctl_leg_last_refusal_timestamp_seconds"
NIGHTLY = '{kind="mirror",leg="nightly"}'
FOLDER = "/var/lib/node-exporter"


def monitored(url: str = "", folder: str = "", text: str = "") -> str:
    told = {"pushgateway": url, "textfile": folder}
    return (
        text or manifest()
    ) + f"monitoring: {json.dumps({k: v for k, v in told.items() if v})}\n"


@pytest.fixture
def pushed(tmp_path: Path) -> Iterator[Gateway]:
    with gateway(tmp_path) as found:
        yield found


@pytest.fixture
def lab(tmp_path: Path, request: pytest.FixtureRequest) -> Lab:
    """A staged machine that tells a gateway, where the test has one, and a folder."""
    url = request.getfixturevalue("pushed").url if "pushed" in request.fixturenames else ""
    found = Lab(tmp_path / "lab", monitored(url, FOLDER))
    write(found.source / "a/file")
    return found


def told(lab: Lab, report: RunReport, leg: str = "nightly") -> str:
    plan = lab.plan.leg(leg)
    assert plan is not None
    with open_state(lab.places.state_file) as state:
        return tell_run(lab.plan, plan, state, lab.places, report, lab.now, push_staged=True)


def recorded(lab: Lab, status: RunStatus, **more) -> RunReport:
    """A run that ended so, as the state holds it, told."""
    lab.now += timedelta(days=1)
    started, ended = lab.now, lab.now + timedelta(minutes=5)
    run_id = f"r{lab.now:%j}"
    item = ItemRecord(name="data", status=status, data_as_of=started)
    record = RunRecord(
        run_id=run_id, leg="nightly", started=started, ended=ended, status=status, items=(item,)
    )
    with open_state(lab.places.state_file) as state:
        state.finish(replace(record, **more))
    report = RunReport(
        leg="nightly", run_id=run_id, started=started, ended=ended, status=status, reason=""
    )
    return replace(report, untold=told(lab, report))


def files(lab: Lab) -> dict[str, str]:
    folder = lab.root / FOLDER[1:]
    return {one.name: one.read_text() for one in folder.iterdir()} if folder.is_dir() else {}


# ── What is told ─────────────────────────────────────────────────────────────────────────────


@needs_gateway
def test_a_success_is_told_to_the_gateway_and_to_the_folder(lab: Lab, pushed: Gateway) -> None:
    report = lab.run()
    assert told(lab, report) == ""
    with open_state(lab.places.state_file) as state:
        state.record_room("disk", RoomRecord(free=1, total=4, measured=lab.now))
    assert told(lab, report) == ""
    shown = pushed.series()
    assert shown[SUCCESS + NIGHTLY] == report.ended.timestamp()
    assert shown[RUN + NIGHTLY] == report.ended.timestamp()
    assert shown['policyctl_leg_status{kind="mirror",leg="nightly",status="ok"}'] == 1
    assert shown['policyctl_leg_status{kind="mirror",leg="nightly",status="failed"}'] == 0
    assert shown["policyctl_leg_files" + NIGHTLY] == only(report).files == 1
    assert shown['policyctl_item_files{item="data",kind="mirror",leg="nightly"}'] == 1
    assert shown['policyctl_destination_free_bytes{destination="disk"}'] == 1
    measured = shown['policyctl_destination_measured_timestamp_seconds{destination="disk"}']
    assert measured == lab.now.timestamp()
    assert f'instance="{socket.gethostname()}",job="policyctl"' in pushed.text
    written = files(lab)
    assert sorted(written) == ["policyctl-nightly.prom", "policyctl.destination.disk.prom"]
    assert series("".join(written.values())) == shown


def test_law_25_when_a_disk_will_be_full_is_told_beside_its_room(lab: Lab) -> None:
    report = lab.run()
    with open_state(lab.places.state_file) as state:
        for day in range(20, -1, -1):
            seen = lab.now - timedelta(days=day)
            state.record_room("disk", RoomRecord(free=500 + 10 * day, total=1000, measured=seen))
    told(lab, report)
    written = files(lab)["policyctl.destination.disk.prom"]
    found = series(written)[
        'policyctl_destination_full_expected_timestamp_seconds{destination="disk"}'
    ]
    # 500 of 1,000 are used, 10 more a day, and 900 are allowed.
    full = lab.now.astimezone(UTC).date() + timedelta(days=40)
    assert found == datetime.combine(full, datetime.min.time(), UTC).timestamp()
    with open_state(lab.places.state_file) as state:
        state.record_room("disk", RoomRecord(free=900, total=1000, measured=lab.now))
    told(lab, report)
    assert "full_expected" not in files(lab)["policyctl.destination.disk.prom"]


@needs_gateway
def test_law_06_only_a_success_moves_last_success(lab: Lab, pushed: Gateway) -> None:
    good = recorded(lab, RunStatus.OK)
    before = pushed.series()[SUCCESS + NIGHTLY]
    assert before == good.ended.timestamp()
    for status in RunStatus:
        if status.succeeded or status is RunStatus.LOCKED:
            continue
        ended = recorded(lab, status)
        shown = pushed.series()
        assert ended.untold == ""
        assert shown[SUCCESS + NIGHTLY] == before, status
        assert shown[RUN + NIGHTLY] == ended.ended.timestamp(), status
        one = f'policyctl_leg_status{{kind="mirror",leg="nightly",status="{status_label(status)}"}}'
        assert shown[one] == 1, status
        item = (
            'policyctl_item_last_success_timestamp_seconds{item="data",kind="mirror",leg="nightly"}'
        )
        assert shown[item] == before, status
    again = recorded(lab, RunStatus.NOTED)
    assert pushed.series()[SUCCESS + NIGHTLY] == again.ended.timestamp()


@needs_gateway
def test_law_06_a_lock_refusal_is_told_and_overwrites_nothing(lab: Lab, pushed: Gateway) -> None:
    good = lab.run()
    assert told(lab, good) == ""
    with hold(lab.places.leg_lock("nightly")):
        refused = lab.run()
    assert refused.status is RunStatus.LOCKED
    assert told(lab, refused) == ""
    shown = pushed.series()
    assert shown[RUN + NIGHTLY] == good.ended.timestamp()
    assert shown['policyctl_leg_status{kind="mirror",leg="nightly",status="ok"}'] == 1
    assert shown[REFUSAL + NIGHTLY] == refused.ended.timestamp()


@needs_gateway
def test_law_06_a_refused_and_a_killed_run_are_told(lab: Lab, pushed: Gateway) -> None:
    shutil.rmtree(lab.source)
    refused = lab.run()
    assert refused.status is RunStatus.REFUSED
    assert told(lab, refused) == ""
    shown = pushed.series()
    assert SUCCESS + NIGHTLY not in shown
    assert shown['policyctl_leg_status{kind="mirror",leg="nightly",status="refused"}'] == 1
    with open_state(lab.places.state_file) as state:
        lab.now += timedelta(days=1)
        begun = RunRecord(run_id="k", leg="nightly", started=lab.now, ended=None, status=None)
        state.begin(begun)
        state.end_killed("nightly", lab.now + timedelta(hours=3))
    assert told(lab, refused) == "", "the next start tells it"
    one = 'policyctl_leg_status{kind="mirror",leg="nightly",status="interrupted"}'
    assert pushed.series()[one] == 1


@needs_gateway
def test_law_35_one_failing_item_hides_no_other(tmp_path: Path, pushed: Gateway) -> None:
    text = manifest().replace(
        "  data: {kind: tree, path: /srv/data}",
        "  data: {kind: tree, path: /srv/data}\n  more: {kind: tree, path: /srv/more}",
    )
    text = text.replace('"disk:/"', '"disk:/{source}"')
    text = text.replace("  /srv/data: nightly", "  /srv/data: nightly\n  /srv/more: nightly")
    lab = Lab(tmp_path / "lab", monitored(pushed.url, text=text))
    write(lab.source / "a")
    write(lab.root / "srv/more/b")
    good = lab.run()
    assert (good.status, told(lab, good)) == (RunStatus.OK, "")
    shutil.rmtree(lab.root / "srv/more")
    bad = lab.run()
    assert told(lab, bad) == ""
    shown = pushed.series("policyctl_item_last_success_timestamp")
    assert sorted(shown.values()) == [good.ended.timestamp(), bad.ended.timestamp()]


# ── Who cannot be told ───────────────────────────────────────────────────────────────────────


def test_law_06_failing_to_tell_is_noted_until_a_later_run_could(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    lab = Lab(tmp_path / "lab", monitored(url, FOLDER))
    write(lab.source / "a/file")
    report = lab.run()
    why = told(lab, report)
    assert why == f"{url}: Connection refused"
    assert lab.history()[0].told == why
    assert "policyctl-nightly.prom" in files(lab), "the one that is down hides no other"
    lab.text = monitored(folder=FOLDER)
    lab.apply()
    assert told(lab, lab.run()) == ""
    assert lab.history()[0].told == ""


def test_a_gateway_that_never_answers_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tellers, "SECONDS", 0.3)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        lab = Lab(tmp_path / "lab", monitored(f"http://127.0.0.1:{deaf.getsockname()[1]}"))
        write(lab.source / "a/file")
        assert told(lab, lab.run()).endswith(": no answer within 0.3 s")


def test_a_gateway_that_refuses_is_quoted(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            lab = Lab(tmp_path / "lab", monitored(f"http://127.0.0.1:{server.server_port}"))
            write(lab.source / "a/file")
            why = told(lab, lab.run())
        finally:
            server.shutdown()
            thread.join()
    assert ": it answered 501 Unsupported method ('PUT')" in why


def test_who_tells_the_same_is_waited_for_and_then_given_up(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tell, "_PATIENCE", 0.1)
    report = lab.run()
    with hold(lab.places.lock_dir / "telling.leg.nightly.lock"):
        why = told(lab, report)
    assert why.startswith("somebody else did not end telling the same: telling.leg.nightly.lock")
    assert lab.history()[0].told == why


def test_law_22_a_url_with_a_password_is_told_nothing_and_never_shown(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "lab", monitored("http://127.0.0.1:9"))
    write(lab.source / "a/file")
    # `check` refuses such a manifest; this is a plan that was applied before it did.
    older = replace(lab.plan.monitoring, pushgateway="http://me:hunter2@127.0.0.1:9")
    lab.plan = replace(lab.plan, monitoring=older)
    why = told(lab, lab.run())
    assert "must not hold a user or password" in why
    assert "hunter2" not in why


def test_nothing_leaves_a_staged_root(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "lab", monitored(f"http://127.0.0.1:{free_port()}"))
    write(lab.source / "a/file")
    report, leg = lab.run(), lab.plan.leg("nightly")
    assert leg is not None
    with open_state(lab.places.state_file) as state:
        assert tell_run(lab.plan, leg, state, lab.places, report, lab.now) == ""


def test_nobody_to_tell_is_no_failure(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "lab")
    write(lab.source / "a/file")
    assert told(lab, lab.run()) == ""


@pytest.mark.root
def test_a_folder_that_leads_out_of_the_root_is_not_written(lab: Lab, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    folder = lab.root / FOLDER[1:]
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.symlink_to(outside)
    assert "a symlink leads out of the root directory" in told(lab, lab.run())
    assert list(outside.iterdir()) == []


# ── The textfile ─────────────────────────────────────────────────────────────────────────────


def test_the_file_is_whole_and_readable_whatever_the_umask(lab: Lab) -> None:
    before = os.umask(0o077)
    try:
        assert told(lab, lab.run()) == ""
    finally:
        os.umask(before)
    path = lab.root / FOLDER[1:] / "policyctl-nightly.prom"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755
    assert not [one for one in files(lab) if not one.endswith(".prom")]


@pytest.mark.tool("promtool")
def test_promtool_has_nothing_to_say(lab: Lab) -> None:
    report = lab.run()
    with hold(lab.places.leg_lock("nightly")):
        lab.run()
    with open_state(lab.places.state_file) as state:
        state.record_room("disk", RoomRecord(free=1, total=4, measured=lab.now))
    assert told(lab, report) == ""
    text = "".join(files(lab).values())
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text.encode(), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    known = {one.name for one in METRICS}
    assert {name.partition("{")[0] for name in series(text)} <= known


# ── What leaves ──────────────────────────────────────────────────────────────────────────────

SECOND = '  images: {kind: mirror, to: "disk:/images", schedule: "03:00", timeout: 5m}\nroutes:\n'


def with_second_leg(url: str) -> str:
    text = manifest().replace("routes:\n", SECOND + "  /srv/data/images: images\n")
    return monitored(url, FOLDER, text)


@needs_gateway
def test_law_36_what_leaves_the_plan_leaves_gateway_and_folder(
    tmp_path: Path, pushed: Gateway
) -> None:
    lab = Lab(tmp_path / "lab", with_second_leg(pushed.url))
    write(lab.source / "a")
    write(lab.source / "images/b")
    for leg in ("nightly", "images"):
        assert told(lab, lab.run(leg), leg) == ""
    assert 'leg="images"' in pushed.text
    before = lab.plan
    after = compiled(monitored(pushed.url, FOLDER))
    note_leaving(before, after, lab.places, push_staged=True)
    assert forget(after, lab.places, push_staged=True) == ()
    assert 'leg="images"' not in pushed.text
    assert 'leg="nightly"' in pushed.text
    assert "policyctl-images.prom" not in files(lab)
    assert "policyctl-nightly.prom" in files(lab)
    nowhere = compiled(manifest())
    note_leaving(after, nowhere, lab.places, push_staged=True)
    assert forget(nowhere, lab.places, push_staged=True) == ()
    assert (pushed.series(), files(lab)) == ({}, {})
    assert still_there(lab.places) == ()


@needs_gateway
def test_law_36_a_gateway_that_was_down_is_asked_again_by_the_next_run(
    tmp_path: Path, pushed: Gateway
) -> None:
    lab = Lab(tmp_path / "lab", with_second_leg(pushed.url))
    write(lab.source / "a")
    write(lab.source / "images/b")
    assert told(lab, lab.run("images"), "images") == ""
    before, lab.text = lab.plan, monitored(pushed.url, FOLDER)
    lab.apply()
    note_leaving(before, lab.plan, lab.places, push_staged=True)
    # Nobody could be asked: it stays noted, and is said.
    assert len(still_there(lab.places)) == 2
    assert 'leg="images"' in pushed.text
    assert told(lab, lab.run()) == ""
    assert 'leg="images"' not in pushed.text
    assert still_there(lab.places) == ()


def test_what_cannot_be_removed_is_said_once_for_each_and_stays_noted(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "lab", with_second_leg(f"http://127.0.0.1:{free_port()}"))
    after = compiled(manifest())
    note_leaving(lab.plan, after, lab.places, push_staged=True)
    sentences = forget(after, lab.places, push_staged=True)
    assert sentences[0].startswith("the series of destination disk could not be removed: http://")
    assert len(sentences) == len(still_there(lab.places)) == 4
    note_leaving(lab.plan, lab.plan, lab.places, push_staged=True)
    assert forget(lab.plan, lab.places, push_staged=True) == (), "what came back is not removed"


@needs_gateway
def test_a_renamed_legs_series_move_at_once(lab: Lab, pushed: Gateway) -> None:
    good = lab.run()
    assert told(lab, good) == ""
    before, text = lab.plan, lab.text.replace("  nightly: {", "  night: {was: nightly, ")
    lab.text = text.replace("/srv/data: nightly", "/srv/data: night")
    note_leaving(before, compiled(lab.text), lab.places, push_staged=True)
    lab.apply()
    follow_renames(lab.plan, lab.places)
    assert forget(lab.plan, lab.places, push_staged=True) == ()
    with open_state(lab.places.state_file) as state:
        assert tell_renamed(before, lab.plan, state, lab.places, push_staged=True) == ()
        assert tell_renamed(lab.plan, lab.plan, state, lab.places, push_staged=True) == ()
    shown = pushed.series(SUCCESS)
    assert shown == {SUCCESS + '{kind="mirror",leg="night"}': good.ended.timestamp()}


@needs_gateway
def test_law_37_runs_tell_of_the_tracker(tmp_path: Path, pushed: Gateway) -> None:
    text = manifest(", full_every: 30d").replace(
        "path: /srv/data}", "path: /srv/data, track: true}"
    )
    lab = Lab(tmp_path / "lab", monitored(pushed.url, text=text))
    with open_journal(lab.places.journal_file) as journal:
        journal.register(readers_of(lab.plan))
        journal.set_coverage("data", standing=True, detail="", now=lab.now, watches=3)
        journal.heartbeat("data", lab.now, 7, 0)
    heartbeat = lab.now
    recorded(lab, RunStatus.FAILED)
    shown = pushed.series("policyctl_tracker_")
    labels = '{part="tracker",source="data"}'
    assert shown[f"policyctl_tracker_heartbeat_timestamp_seconds{labels}"] == heartbeat.timestamp()
    assert shown[f"policyctl_tracker_watches{labels}"] == 7
    assert shown[f"policyctl_tracker_standing{labels}"] == 1


def test_what_the_journal_holds_is_told_as_it_is_now(tmp_path: Path) -> None:
    text = manifest(", full_every: 30d").replace(
        "path: /srv/data}", "path: /srv/data, track: true}"
    )
    lab = Lab(tmp_path / "lab", monitored(folder=FOLDER, text=text))
    plan = lab.plan.leg("nightly")
    assert plan is not None
    recorded(lab, RunStatus.OK)
    name = "policyctl_item_pending_changes"
    assert name not in files(lab)["policyctl-nightly.prom"], "there is no journal yet"
    with open_journal(lab.places.journal_file) as journal:
        journal.register(readers_of(lab.plan))
        journal.record_tree("data", [Change(b"a"), Change(b"b")])
        with hold(lab.places.tracker_lock):
            recorded(lab, RunStatus.OK)
        assert series(files(lab)["policyctl-nightly.prom"], name).popitem()[1] == 2
        facts = tracker_facts(lab.plan, journal, lab.places)
        assert facts == TrackerFacts(running=False, sources=("data",), trees=())
        journal.set_coverage("data", standing=True, detail="", now=lab.now, watches=3)
    with hold(lab.places.tracker_lock), read_journal(lab.places.journal_file) as journal:
        facts = tracker_facts(lab.plan, journal, lab.places)
    assert facts is not None
    assert facts.running
    tree = TreeFacts(
        source="data", standing=True, detail="", since=lab.now, heartbeat=lab.now, watches=3
    )
    assert facts.trees == (tree,)


# ── Reading changes nothing ──────────────────────────────────────────────────────────────────


def test_reading_the_state_leaves_no_trace(lab: Lab) -> None:
    with read_state(lab.places.state_dir / "none.db") as nothing:
        assert nothing is None
    lab.run()

    def trace() -> list[tuple[str, int, int]]:
        found = sorted(lab.places.state_dir.glob("*.db*"))
        return [(one.name, one.stat().st_mtime_ns, one.stat().st_size) for one in found]

    before = trace()
    with read_state(lab.places.state_file) as state:
        assert state is not None
        assert state.last_success("nightly") is not None
    assert trace() == before
    with open_state(lab.places.state_file) as writing, read_state(lab.places.state_file) as state:
        assert state is not None
        writing.note_told(lab.history()[0].run_id, "why")
        assert state.history("nightly")[0].told == "why", "what another writes is seen"


def test_what_cannot_be_read_as_a_state_is_said(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"")
    with read_state(path) as state:
        assert state is None, "the first run is just making it"
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(StateUnusable, match="cannot be read"), read_state(path):
        pass
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 1")
    with pytest.raises(StateUnusable, match="another version"), read_state(path):
        pass
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    with read_journal(path) as journal:
        assert journal is None
