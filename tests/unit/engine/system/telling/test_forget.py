"""What leaves the plan leaves the textfile folder; tests/integration has a real gateway."""

from pathlib import Path

import pytest

from engine.system.host.lock import hold
from engine.system.host.places import Places
from engine.system.telling.forget import forget, leaving, note_leaving, still_there
from engine.system.telling.tellers import Group, targets_of, teller_for
from policy.model import Monitoring
from policy.values import parse_absolute_path
from tests.plans import mirror, plan

TOLD = Monitoring(textfile=parse_absolute_path("/collector"))
BOTH = plan(monitoring=TOLD)
ONE = plan(monitoring=TOLD, legs=(mirror(),))
GONE = Group("leg", "synology-direct")


@pytest.fixture
def places(tmp_path: Path) -> Places:
    found = Places(root=tmp_path)
    found.state_dir.mkdir(parents=True)
    for name in ("sda-mirror", "synology-direct"):
        tell(found, Group("leg", name))
    return found


def tell(places, group):
    (target,) = targets_of(BOTH, places)
    teller_for(target, places).put(group, ())


def files(places):
    return sorted(path.name for path in (places.root / "collector").iterdir())


def test_what_would_go_is_named_and_nothing_is_noted(places):
    assert [(group, target.where) for target, group in leaving(BOTH, ONE, places)] == [
        (GONE, "/collector")
    ]
    assert leaving(None, ONE, places) == leaving(BOTH, BOTH, places) == ()
    assert still_there(places) == ()


def test_law_36_what_left_goes_and_the_rest_stays(places):
    note_leaving(BOTH, ONE, places)
    assert forget(ONE, places) == ()
    assert files(places) == ["policyctl-sda-mirror.prom"]
    assert still_there(places) == ()


def test_a_leg_that_goes_while_it_runs_tells_its_end_and_is_taken_back_after(places):
    note_leaving(BOTH, ONE, places)
    with hold(places.leg_lock("synology-direct")):
        (sentence,) = forget(ONE, places)
        assert "a run of it goes on" in sentence
        assert files(places) == ["policyctl-sda-mirror.prom"]
        tell(places, GONE)
        assert forget(BOTH, places) == (), "a run of the old plan has its leg in it"
    assert len(still_there(places)) == 1
    assert forget(ONE, places) == ()
    assert files(places) == ["policyctl-sda-mirror.prom"]
    assert still_there(places) == ()


def test_what_comes_back_is_not_taken_back(places):
    note_leaving(BOTH, ONE, places)
    note_leaving(ONE, BOTH, places)
    assert still_there(places) == ()
    assert forget(BOTH, places) == ()
    assert len(files(places)) == 2
