"""The command that fetches a version: from the root of the copies, by rules, and nothing else."""

from dataclasses import replace

from engine.plan.model import Location
from engine.restore.fetch import Place, drawn_rules, fetch_drawn, fetch_of, list_of
from policy.parts import SshTarget
from policy.patterns import parse_component
from tests.integration.lab import compiled, manifest
from tests.unit.engine.restore.test_choice import version

PLAN = compiled(manifest())
NEAR = Place(root=b"/mnt/disk", ssh=None)


def of(*names: bytes, place: Place = NEAR, inside: tuple[bytes, ...] = ()) -> tuple[bytes, ...]:
    one = replace(version(), location=Location(holder="disk", names=names))
    pattern = tuple(parse_component(component) for component in inside)
    return fetch_of(PLAN, one, place, pattern).argv(b"/into")


def rules(argv: tuple[bytes, ...]) -> list[bytes]:
    return [one.removeprefix(b"--filter=") for one in argv if one.startswith(b"--filter=")]


def test_it_reads_from_the_root_and_lets_only_the_path_through() -> None:
    argv = of(b"a", b"-odd *")
    assert argv[-3:] == (b"--", b"/mnt/disk/", b"/into/tree/")
    assert rules(argv) == [
        b"+ /a/", b"- .policyctl-*", rb"+ /a/-odd [\*]/***", rb"+ /a/-odd [\*]", b"- *"
    ]  # fmt: skip


def test_what_a_run_has_set_aside_is_reached_and_the_engines_own_files_in_it_are_not() -> None:
    found = rules(of(b".policyctl-deleted", b"run", b"a"))
    assert found[:3] == [
        b"+ /.policyctl-deleted/",
        b"+ /.policyctl-deleted/run/",
        b"- .policyctl-*",
    ]


def test_the_whole_destination_has_no_way_to_it() -> None:
    assert rules(of()) == [b"- .policyctl-*"]


def test_a_pattern_is_matched_below_the_path() -> None:
    argv = of(b"a", inside=(b"20*", b"*.raw"))
    assert rules(argv) == [
        b"+ /a/", b"- .policyctl-*", b"+ /a/20*/", b"+ /a/20*/*.raw/***", b"+ /a/20*/*.raw", b"- *"
    ]  # fmt: skip
    assert b"--prune-empty-dirs" in argv


def test_another_machine_is_never_asked_for_a_password_and_runs_no_shell_on_names() -> None:
    far = Place(root=b"/volume1", ssh=SshTarget(account="me@nas"))
    argv = of(b"a", place=far)
    assert argv[-2] == b"me@nas:/volume1/"
    assert b"--secluded-args" in argv
    assert any(b"BatchMode=yes" in one for one in argv)


def test_some_files_alone_come_by_rules_that_name_each_directory_on_the_way() -> None:
    location = Location(holder="disk", names=(b"live",))
    assert list(drawn_rules(location, [b"a/b/one", b"a/two*", b"three"])) == [
        b"+ /live/",
        b"+ /live/a/",
        b"+ /live/a/b/",
        b"+ /live/a/b/one",
        rb"+ /live/a/two[\*]",
        b"+ /live/three",
        b"- *",
    ]
    one = replace(version(), location=location)
    fetch = fetch_drawn(PLAN, one, NEAR, b"/rules")
    argv = fetch.argv(b"/into")
    assert rules(argv) == [b"merge /rules"]
    assert b"--prune-empty-dirs" in argv
    assert fetch.piece == (b"tree", b"live")


def test_a_listing_goes_by_the_rules_of_a_restore() -> None:
    one = replace(version(), location=Location(holder="disk", names=(b"live",)))
    argv = list_of(PLAN, one, Place(root=b"/volume1", ssh=SshTarget(account="me@nas")))
    assert argv[:2] == (b"rsync", b"--list-only")
    assert rules(argv) == rules(of(b"live"))
    assert argv[-2:] == (b"--", b"me@nas:/volume1/")
    assert any(b"BatchMode=yes" in each for each in argv)


def test_what_is_doubted_is_compared_by_content() -> None:
    one = fetch_of(PLAN, version(), NEAR)
    assert b"--checksum" in one.argv(b"/into", doubted=True)[:-3]
    assert b"--checksum" not in one.argv(b"/into")
