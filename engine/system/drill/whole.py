"""How much a whole source holds, as the last measurement has it."""

from __future__ import annotations

from engine.plan.model import Plan
from engine.routing.volumes import volumes_by_line
from engine.system.state.measurements import Measurements
from engine.system.state.state import State


def bytes_of_source(plan: Plan, source: str, state: State) -> int | None:
    """Bytes of all that some leg carries; None where it was never measured.

    Where a line names entries of a directory, its files count for the line of the directory.
    """
    measurement = Measurements(state.connection).of(source)
    if measurement is None:
        return None
    table = plan.table(source)
    if table is None:
        return sum(row.bytes for row in measurement.rows)
    shares = volumes_by_line(table, measurement.rows, lambda _: None)
    carried = {line.text for line in table.lines if line.leg is not None}
    return sum(volume.bytes for text, volume in shares.items() if text in carried)
