import json

import pytest

from engine.alerts.metrics import DESTINATION_FREE
from engine.alerts.promql import any_of, none_of, quoted, series, span


def test_a_selector_names_its_labels() -> None:
    assert series(DESTINATION_FREE, ()) == "policyctl_destination_free_bytes"
    found = series(DESTINATION_FREE, (("destination", "sda"),), none_of("status", ["ok", "noted"]))
    assert found == 'policyctl_destination_free_bytes{destination="sda",status!~"noted|ok"}'
    assert any_of("leg", ["b", "a"]) == 'leg=~"a|b"'


@pytest.mark.parametrize("value", ["plain", 'a"b', "a\\b", "a\nb", "ü", "{{ x }}"])
def test_a_value_stands_for_itself(value: str) -> None:
    assert json.loads(quoted(value)) == value


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0s"),
        (59, "59s"),
        (300, "5m"),
        (102_600, "1d4h30m"),
        (86_400 * 400 + 1, "400d1s"),
    ],
)
def test_a_span_is_written_as_prometheus_reads_it(seconds: int, written: str) -> None:
    assert span(seconds) == written
