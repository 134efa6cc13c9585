from dataclasses import replace

import pytest
from hypothesis import given

from engine.changes.changes import Reason, change_set, paths_to_observe
from engine.changes.files import AppliedRecord, ObservedFile, OwnedFile, RenderedFile, digest
from engine.changes.plan_changes import Action
from engine.changes.renames import renames_between
from engine.plan.layout import unit_file
from engine.plan.model import Plan, RoutingTable
from policy.legs import VersionsLeg
from policy.model import Monitoring
from policy.parts import Keep, Limits
from policy.patterns import parse_path_pattern
from policy.routes import IgnoreRule, Stop
from policy.sources import TreeSource
from policy.values import Duration, parse_absolute_path, parse_place
from tests.any_value import any_value
from tests.plans import disk, leg_plan, mirror, nas, plan, route, tree

A = parse_absolute_path("/etc/a")
B = parse_absolute_path("/etc/b")


def file(path, content, mode=0o644):
    return RenderedFile(path=path, content=content, mode=mode)


def seen(content, mode=0o644):
    return ObservedFile(content=content, mode=mode)


def record(*, complete=True, **files):
    owned = [
        OwnedFile(path=parse_absolute_path(f"/etc/{name}"), sha256=tuple(map(digest, contents)))
        for name, contents in sorted(files.items())
    ]
    return AppliedRecord(
        applied_at="2026-01-01T00:00:00+00:00",
        complete=complete,
        plan_digest="",
        files=tuple(owned),
    )


def the_file(wanted, owned, found, **consent):
    """The change of /etc/a, given what is wanted, what it may hold, and what it holds."""
    rendered = () if wanted is None else (file(A, wanted),)
    known = record(a=owned) if owned else None
    observed = {A: found if found is None or isinstance(found, ObservedFile) else seen(found)}
    changes = change_set(plan(), known, plan(), rendered, observed, **consent)
    return changes.files[0] if changes.files else None, changes


class TestFiles:
    """Only what `apply` wrote itself is its own; what drifted or is foreign has to be named."""

    @pytest.mark.parametrize(
        ("wanted", "owned", "found", "action", "reason", "refused"),
        [
            (b"new", [], None, Action.CREATE, Reason.NEW, False),
            (b"new", [b"old"], None, Action.CREATE, Reason.MISSING, False),
            (b"new", [b"old"], b"old", Action.UPDATE, Reason.POLICY_CHANGED, False),
            (b"same", [b"same"], b"same", Action.KEEP, Reason.SAME, False),
            (b"new", [b"old"], b"theirs", Action.UPDATE, Reason.DRIFTED, True),
            (b"same", [b"same"], b"theirs", Action.UPDATE, Reason.DRIFTED, True),
            (b"new", [], b"theirs", Action.UPDATE, Reason.FOREIGN, True),
            (b"same", [], b"same", Action.KEEP, Reason.SAME, False),
            (None, [b"old"], b"old", Action.DELETE, Reason.UNDECLARED, False),
            (None, [b"old"], b"theirs", Action.DELETE, Reason.DRIFTED, True),
            (b"new", [b"old", b"new"], b"old", Action.UPDATE, Reason.POLICY_CHANGED, False),
            (b"newer", [b"old", b"new"], b"new", Action.UPDATE, Reason.POLICY_CHANGED, False),
        ],
    )
    def test_each_state_has_its_action(self, wanted, owned, found, action, reason, refused):
        change, changes = the_file(wanted, owned, found)
        assert (change.action, change.reason, change.refused) == (action, reason, refused)
        assert bool(changes.refused) == refused
        named, _ = the_file(wanted, owned, found, overwrite=frozenset({A}))
        assert (named.action, named.refused) == (action, False)
        elsewhere, _ = the_file(wanted, owned, found, overwrite=frozenset({B}))
        assert elsewhere.refused == refused

    def test_what_is_gone_and_not_asked_for_is_nothing(self):
        assert the_file(None, [b"old"], None)[0] is None

    def test_permissions_are_put_right(self):
        change, changes = the_file(b"same", [b"same"], seen(b"same", 0o666))
        assert (change.action, change.reason) == (Action.UPDATE, Reason.MODE_CHANGED)
        assert changes.refused == ()
        assert changes.drift == (change,)

    def test_a_symlink_is_drift_and_a_directory_never_makes_room(self):
        link = ObservedFile(content=None)
        assert the_file(b"x", [b"x"], link)[0].refused
        assert not the_file(b"x", [b"x"], link, overwrite=frozenset({A}))[0].refused
        folder = ObservedFile(content=None, replaceable=False)
        change, changes = the_file(b"x", [b"x"], folder, overwrite=frozenset({A}))
        assert change.refused
        assert [one.code for one in changes.refused] == ["not-a-file"]

    def test_refusals_name_the_file_and_say_what_to_type(self):
        _, changes = the_file(b"x", [b"y"], b"z")
        (refusal,) = changes.refused
        assert refusal.code == "drifted"
        assert refusal.message.startswith("/etc/a was changed since policyctl wrote it")
        assert "--overwrite /etc/a" in refusal.hint

    def test_files_come_in_the_order_of_their_paths(self):
        rendered = (file(B, b"b"), file(A, b"a"))
        assert paths_to_observe(record(c=[b"c"]), rendered)[:2] == (A, B)
        observed = dict.fromkeys(paths_to_observe(None, rendered))
        changes = change_set(None, None, plan(), rendered, observed)
        assert [one.path for one in changes.files] == [A, B]
        assert [one.action.sign for one in changes.files] == ["+", "+"]

    def test_an_unfinished_record_is_something_to_apply(self):
        known = record(complete=False, a=[b"a"])
        changes = change_set(plan(), known, plan(), (file(A, b"a"),), {A: seen(b"a")})
        assert changes.completes
        assert not changes.empty

    def test_nothing_to_do_is_empty(self):
        known = record(a=[b"a"])
        assert change_set(plan(), known, plan(), (file(A, b"a"),), {A: seen(b"a")}).empty
        assert not change_set(None, known, plan(), (file(A, b"a"),), {A: seen(b"a")}).empty


def routes_of(before, after):
    changes = change_set(plan(routes=before), None, plan(routes=after), (), {})
    return [(one.action.sign, one.text, one.before, one.after) for one in changes.routes]


ROOT = route("", "sda-mirror")


class TestRoutes:
    def test_all_is_new_at_first(self):
        changes = change_set(None, None, plan(), (), {})
        assert [(one.text, one.before, one.after) for one in changes.routes] == [
            ("/srv/nfs", None, "sda-mirror"),
            ("/srv/nfs/immich", None, "synology-direct"),
            ("/srv/nfs/temp", None, "none"),
        ]

    def test_a_new_line_tells_who_carried_the_path_so_far(self):
        assert routes_of((ROOT,), (route("immich", "synology-direct"), ROOT)) == [
            ("+", "/srv/nfs/immich", "sda-mirror", "synology-direct")
        ]

    def test_a_line_that_goes_tells_who_carries_the_path_now(self):
        old = (route("a/b/c", "synology-direct"), route("a", None, reason="no"), ROOT)
        assert routes_of(old, old[1:]) == [("-", "/srv/nfs/a/b/c", "synology-direct", "none")]

    def test_a_wildcard_line_is_covered_by_a_wider_one(self):
        wider = route("*/cache*", None, reason="no")
        assert routes_of((wider, ROOT), (route("x/cache-?", "synology-direct"), wider, ROOT)) == [
            ("+", "/srv/nfs/x/cache-?", "none", "synology-direct")
        ]

    def test_a_line_that_leads_elsewhere(self):
        assert routes_of((ROOT,), (route("", "synology-direct"),)) == [
            ("~", "/srv/nfs", "sda-mirror", "synology-direct")
        ]

    def test_what_a_line_says_besides_is_told_in_words(self):
        stop = Stop(after="sda-mirror", reason="large")
        old, new = (route("", "sda-mirror"),), (route("", "sda-mirror", stop=stop, because="why"),)
        (change,) = change_set(plan(routes=old), None, plan(routes=new), (), {}).routes
        assert not change.moved
        assert change.words == (
            "because: not set → why",
            "stop: not set → after sda-mirror (large)",
        )

    def test_another_spelling_is_no_change(self):
        other = replace(route("[a]", "sda-mirror"), pattern=parse_path_pattern(b"a"))
        assert routes_of((route("a", "sda-mirror"), ROOT), (other, ROOT)) == []

    def test_a_source_that_goes_takes_its_lines_along(self):
        old = plan()
        new = plan(tables=(), sources=())
        changes = change_set(old, None, new, (), {})
        assert {(one.action, one.after) for one in changes.routes} == {(Action.DELETE, None)}


def parts_of(before, after):
    changes = change_set(before, None, after, (), {})
    return {(one.section, one.name): one for one in (*changes.legs, *changes.others)}


class TestParts:
    def test_a_leg_that_changed_says_how(self):
        before = plan(legs=(mirror(),))
        leg = mirror(schedule=("Mon..Fri 03:00",), wait=Duration(7200), idle=True)
        after = plan(legs=())
        after = replace(after, legs=(leg_plan(leg, (), allowed_age=100_000),))
        change = parts_of(before, after)["legs", "sda-mirror"]
        assert change.action is Action.UPDATE
        assert change.words == (
            "idle priority: not set → yes",
            "schedule: 02:00 → Mon..Fri 03:00",
            "stale after: 27h → 27h 46m",
            "wait: 12h → 2h",
        )

    def test_added_and_removed_parts(self):
        before = plan(legs=(mirror(),))
        ignore = IgnoreRule(
            text="*.tmp",
            pattern=parse_path_pattern(b"*.tmp"),
            anchored=False,
            directory=False,
            reason="litter",
        )
        after = plan(legs=(mirror("other"),), ignores=(ignore,), host="new", destinations=(disk(),))
        changes = parts_of(before, after)
        assert {key: one.action.sign for key, one in changes.items()} == {
            ("legs", "sda-mirror"): "-",
            ("legs", "other"): "+",
            ("ignore", "*.tmp"): "+",
            ("policy", "policy"): "~",
            ("destinations", "synology"): "-",
        }
        assert changes["ignore", "*.tmp"].words == ("reason: litter",)
        assert "schedule: 02:00" in changes["legs", "other"].words
        assert changes["policy", "policy"].words == ("host: pve → new",)


@given(any_value(Plan), any_value(Plan))
def test_any_two_plans_can_be_compared(one, other):
    forth, back = (change_set(a, None, b, (), {}) for a, b in ((one, other), (other, one)))
    assert change_set(one, None, other, (), {}) == forth
    turned = {Action.CREATE: Action.DELETE, Action.DELETE: Action.CREATE}
    assert [turned.get(change.action, change.action) for change in back.routes] == [
        change.action for change in forth.routes
    ]
    same = change_set(one, None, one, (), {})
    assert same.empty
    assert (same.routes, same.legs, same.others) == ((), (), ())


class TestRenames:
    """`was: old-name` is a rename, and no removal and addition."""

    def renamed(self):
        routes = (route("immich", "synology-direct"), route("", "local"))
        return plan(
            routes=routes,
            legs=(
                mirror("local", was="sda-mirror"),
                mirror("synology-direct", "synology:/nfs", ("06:00",), after=("local",)),
            ),
        )

    def before(self):
        routes = (route("immich", "synology-direct"), route("", "sda-mirror"))
        return plan(
            routes=routes,
            legs=(
                mirror(),
                mirror("synology-direct", "synology:/nfs", ("06:00",), after=("sda-mirror",)),
            ),
        )

    def test_a_renamed_leg_changes_nothing_else(self):
        changes = change_set(self.before(), None, self.renamed(), (), {})
        assert changes.routes == ()
        (leg,) = changes.legs
        assert (leg.name, leg.was, leg.action, leg.words) == (
            "local",
            "sda-mirror",
            Action.UPDATE,
            (),
        )
        assert changes.others == ()
        assert changes.refused == ()

    def test_once_applied_the_line_means_nothing_more(self):
        changes = change_set(self.renamed(), None, self.renamed(), (), {})
        assert changes.legs == ()
        assert changes.empty

    def test_the_old_name_must_have_existed_and_be_free(self):
        assert renames_between(plan(legs=()), self.renamed()) == {}
        both = replace(self.renamed(), legs=(*self.renamed().legs, *plan(legs=(mirror(),)).legs))
        assert renames_between(self.before(), both) == {}

    def test_renamed_places_are_followed_by_all_that_names_them(self):
        after = plan(
            sources=(tree("data", was="nfs"),),
            tables=(RoutingTable(source="data", lines=plan().tables[0].lines),),
            destinations=(disk("disk", was="sda"), nas()),
            legs=(
                mirror("sda-mirror", "disk:/"),
                mirror("synology-direct", "synology:/nfs", ("06:00",)),
            ),
        )
        changes = change_set(plan(), None, after, (), {})
        assert changes.routes == ()
        assert changes.legs == ()
        assert [(one.section, one.name, one.was) for one in changes.others] == [
            ("destinations", "disk", "sda"),
            ("sources", "data", "nfs"),
        ]


def many(count, kept):
    """A plan with so many legs of which only the first few are there."""
    return plan(routes=(ROOT,), legs=[mirror(f"leg-{n}", f"sda:/{n}") for n in range(count)][:kept])


def ignores(count):
    return tuple(
        IgnoreRule(
            text=f"x{n}",
            pattern=parse_path_pattern(f"x{n}".encode()),
            anchored=False,
            directory=False,
            reason="r",
        )
        for n in range(count)
    )


def codes(before, after, **consent):
    return [one.code for one in change_set(before, None, after, (), {}, **consent).refused]


class TestMassRemoval:
    """Law 31: `apply` refuses when many sources, legs or exclusions vanish at once."""

    @pytest.mark.parametrize(
        ("had", "kept", "refused"),
        [(6, 2, True), (6, 3, False), (3, 1, False), (4, 1, True), (5, 2, True), (5, 3, False)],
    )
    def test_law_31_many_legs(self, had, kept, refused):
        before, after = many(had, had), many(had, kept)
        assert codes(before, after) == (["mass-removal"] if refused else [])
        assert codes(before, after, accept_removals=True) == []

    def test_law_31_an_empty_manifest(self):
        assert codes(many(1, 1), many(1, 0)) == ["no-legs"]
        assert codes(None, many(1, 0)) == ["no-legs"]
        assert codes(None, many(1, 0), accept_removals=True) == []

    @pytest.mark.parametrize(
        ("had", "kept", "refused"), [(9, 4, True), (9, 5, False), (4, 0, False)]
    )
    def test_law_31_many_exclusions(self, had, kept, refused):
        before, after = plan(ignores=ignores(had)), plan(ignores=ignores(kept))
        assert codes(before, after) == (["mass-removal"] if refused else [])

    def test_law_31_many_routes_and_sources(self):
        lines = tuple(route(f"dir-{n}", "sda-mirror") for n in range(9))
        assert codes(plan(routes=(*lines, ROOT)), plan(routes=(*lines[:3], ROOT))) == [
            "mass-removal"
        ]
        sources: tuple[TreeSource, ...] = tuple(tree(f"s{n}", f"/srv/{n}") for n in range(6))
        assert codes(plan(sources=sources), plan(sources=sources[:1])) == ["mass-removal"]

    def test_renamed_legs_have_not_vanished(self):
        before = many(4, 4)
        legs = [mirror(f"new-{n}", f"sda:/{n}", was=f"leg-{n}") for n in range(4)]
        assert codes(before, plan(routes=(ROOT,), legs=legs)) == []


RULES = parse_absolute_path("/etc/prometheus/rules/backup.yml")
WATCHED = plan(monitoring=Monitoring(rules=RULES))


def timer(name):
    return file(unit_file(f"policyctl-{name}.timer"), b"")


def silenced(old, new, applied=WATCHED, after=WATCHED, **consent):
    """The refusals where files go from one set to another; the first is applied."""
    owned = tuple(OwnedFile(path=one.path, sha256=(digest(one.content),)) for one in old)
    known = replace(record(), files=owned)
    there = {one.path: seen(one.content) for one in old}
    observed = {path: there.get(path) for path in paths_to_observe(known, new)}
    refused = change_set(applied, known, after, new, observed, **consent).refused
    return [one.message for one in refused]


class TestSilence:
    """Law 31: what starts legs and what wakes people does not vanish unasked, legs or no legs."""

    @pytest.mark.parametrize(
        ("had", "kept", "refused"), [(6, 2, True), (6, 3, False), (3, 1, False), (3, 0, True)]
    )
    def test_law_31_many_timers_of_legs_that_stay(self, had, kept, refused):
        old = tuple(timer(f"leg-{n}") for n in range(had))
        expected = (
            [f"{had - kept} of {had} timers would vanish at once: nothing would start those legs"]
            if refused
            else []
        )
        assert silenced(old, old[:kept]) == expected
        assert silenced(old, old[:kept], accept_removals=True) == []

    def test_timers_of_renamed_legs_have_not_vanished(self):
        old = tuple(timer(f"old-{n}") for n in range(6))
        assert silenced(old, tuple(timer(f"new-{n}") for n in range(6))) == []

    def test_timers_that_go_with_their_legs_are_refused_once(self):
        before, after = many(6, 6), many(6, 1)
        old = tuple(timer(f"leg-{n}") for n in range(6))
        (message,) = silenced(old, old[:1], before, after)
        assert message == "5 of 6 legs would vanish at once"

    def test_law_31_all_alerts(self):
        old = (file(RULES, b"groups: []"),)
        (message,) = silenced(old, (), after=plan())
        assert message.startswith("all alerts would vanish: ")
        assert silenced(old, (), after=plan(), accept_removals=True) == []

    def test_alerts_that_move_have_not_vanished(self):
        elsewhere = parse_absolute_path("/etc/prometheus/elsewhere.yml")
        moved = plan(monitoring=Monitoring(rules=elsewhere))
        old, new = (file(RULES, b"groups: []"),), (file(elsewhere, b"groups: []"),)
        assert silenced(old, new, after=moved) == []


def versions(name, to="sda:/"):
    limits = Limits(whole=Duration(3600))
    return VersionsLeg(name=name, limits=limits, keep=Keep(last=3), to=parse_place(to))


class TestKinds:
    """Law 1: a leg of another kind is another leg."""

    @pytest.mark.parametrize("was", [None, "old"])
    def test_law_01_a_leg_that_becomes_one_of_another_kind(self, was):
        kept = versions("old"), mirror("old")
        for before, after in (kept, kept[::-1]):
            renamed = replace(after, name="new", was="old") if was else after
            changes = change_set(plan(legs=(before,)), None, plan(legs=(renamed,)), (), {})
            (refusal,) = changes.refused
            assert refusal.code == "kind-changed"
            assert f"of the kind {leg_plan(before).kind} and" in refusal.message
            assert codes(plan(legs=(before,)), plan(legs=(renamed,)), accept_removals=True) == [
                "kind-changed"
            ]

    def test_a_new_name_or_the_same_kind(self):
        before = plan(legs=(versions("old"),))
        assert codes(before, plan(legs=(mirror("new"),))) == []
        assert codes(before, plan(legs=(versions("old", "sda:/else"),))) == []
        assert codes(None, before) == []
