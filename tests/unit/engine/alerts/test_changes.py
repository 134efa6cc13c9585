import re
from dataclasses import replace

from engine.alerts.changes import alert_changes
from engine.changes.plan_changes import Action
from engine.compile import compile_policy
from policy.model import Monitoring
from policy.parse import load
from policy.parts import AlertSeverity
from policy.values import parse_absolute_path
from tests.plans import leg_plan, mirror, plan
from tests.strategies import REFERENCE

WATCHED = Monitoring(rules=parse_absolute_path("/etc/rules.yml"))
ONE = plan(monitoring=WATCHED, legs=(mirror(),))


def said(before, after):
    return {one.name: (one.action, one.words) for one in alert_changes(before, after)}


def test_without_a_file_for_rules_there_are_no_alerts():
    assert alert_changes(None, plan()) == ()
    assert alert_changes(plan(), plan()) == ()


def test_the_first_apply_brings_them_all_and_the_same_plan_none():
    found = said(None, ONE)
    assert {"SdaMirrorStale", "SdaMirrorFailing", "SdaMirrorNeverRan"} <= found.keys()
    assert set(found.values()) == {(Action.CREATE, ())}
    assert said(ONE, ONE) == {}
    gone = said(ONE, plan())
    assert (gone.keys(), set(gone.values())) == (found.keys(), {(Action.DELETE, ())})


def test_law_08_a_schedule_moves_its_threshold_and_no_other():
    two = plan(monitoring=WATCHED)
    weekly = leg_plan(mirror(), allowed_age=700_000)
    found = said(two, replace(two, legs=(weekly, two.legs[1])))
    action, words = found["SdaMirrorStale"]
    assert (action, words[0][:13]) == (Action.UPDATE, "fires after: ")
    assert not any(name.startswith("SynologyDirect") for name in found)


def test_law_08_a_schedule_moves_the_threshold_of_what_comes_after_it():
    def compiled(schedule):
        text = re.sub(r"rpo: \d+[hd]", "rpo: 90d", REFERENCE.read_text())
        return compile_policy(load(schedule(text).encode(), "reference.yaml")[1])

    def monthly(text):
        return re.sub(r'(  sda-mirror:.*?schedule: )"', r'\1"*-*-01 ', text, count=1, flags=re.S)

    found = said(compiled(str), compiled(monthly))
    action, words = found["OffsiteStale"]
    assert action is Action.UPDATE
    assert [word.partition(":")[0] for word in words] == ["fires for data older than"]


def test_a_leg_that_goes_takes_its_alerts_along():
    found = said(plan(monitoring=WATCHED), ONE)
    gone = {name for name, change in found.items() if change[0] is Action.DELETE}
    assert {"SynologyDirectStale", "SynologyDirectFailing", "SynologyDirectNeverRan"} <= gone
    assert not any(name.startswith("SdaMirror") for name in gone)


def test_a_severity_is_a_change_in_words():
    critical = plan(monitoring=WATCHED, legs=(mirror(severity=AlertSeverity.CRITICAL),))
    assert said(ONE, critical)["SdaMirrorFailing"] == (
        Action.UPDATE,
        ("severity: warning → critical",),
    )
