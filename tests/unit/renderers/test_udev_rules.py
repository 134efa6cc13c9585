"""The rules for udev; that they keep a clone nameless is tried in tests/lab/test_thin.py."""

import fnmatch
import re
from datetime import UTC, datetime

from engine.items.thin_names import Line, LvName, aside_name, clone_name
from renderers import udev_rules
from tests.unit.renderers.test_tracker_unit import TRACKED, plan_of

VOLUMES = TRACKED.replace(
    "sources:\n", 'sources:\n  pvcs: {kind: lvm-thin, vg: pve, pool: data, volumes: "vm-*"}\n'
).replace("routes:\n", 'routes:\n  "pvcs:": {none: "not kept"}\n')


def test_there_are_rules_where_there_are_volumes() -> None:
    (file,) = udev_rules.render(plan_of(VOLUMES))
    assert str(file.path) == "/etc/udev/rules.d/09-policyctl.rules"
    assert file.content == udev_rules.text()
    assert list(udev_rules.render(plan_of(TRACKED))) == []


def test_they_match_clones_their_mappings_what_is_set_aside_and_nothing_else() -> None:
    (patterns,) = re.findall(r'ATTR\{dm/name\}=="([^"]*)"', udev_rules.text().decode())
    clone = clone_name("vm-1.policyctl.2026-11-28T03-00-00Z", "files")

    def matched(name: str) -> bool:
        return any(fnmatch.fnmatchcase(name, one) for one in patterns.split("|"))

    assert matched(LvName(group="pve-1", volume=clone).device_name)
    assert matched(clone)
    for line in Line:
        name = aside_name("vm-1", line, datetime(2026, 11, 28, 3, tzinfo=UTC))
        assert matched(LvName(group="pve-1", volume=name).device_name)
    others = ("vm-1", "vm-1.policyctl.2026-11-28T03-00-00Z", "policyctl", "a-policyctl")
    assert not [one for one in others if matched(LvName(group="pve", volume=one).device_name)]
