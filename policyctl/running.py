"""Running legs of the plan that is applied below a root."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.plan import Plan
from engine.preflight import Waiver
from engine.reports import RunReport
from engine.system.apply import load_applied
from engine.system.places import Places
from engine.system.runner import UnknownLeg, explain_leg, run_leg
from policyctl.boundary import Refused
from policyctl.host import refuse_elsewhere
from policyctl.views.console import tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The applied plan, and how it is to be run."""

    plan: Plan
    places: Places
    waived: frozenset[Waiver]
    verbose: bool

    @classmethod
    def of_applied(cls, root: Path, *, waived: Sequence[str], verbose: bool) -> Running:
        """Load what is applied. Raises `Refused` where nothing is, or for another host."""
        applied = load_applied(root)
        if applied is None:
            raise Refused("nothing is applied yet: run `policyctl apply` first; no copy was made")
        plan, _ = applied
        refuse_elsewhere(plan, root, "run")
        guards = frozenset(Waiver(one) for one in waived)
        return cls(plan=plan, places=Places(root=root), waived=guards, verbose=verbose)

    def explain(self, leg: str) -> tuple[str, ...]:
        """Say what a run would look at and do."""
        self._know(leg)
        return explain_leg(self.plan, leg, places=self.places, waived=self.waived)

    def run(self, legs: Sequence[str]) -> Iterator[RunReport]:
        """Run legs in the order given; a signal ends the row."""
        for leg in legs:
            self._know(leg)
        for leg in legs:
            report = self._run(leg)
            yield report
            if report.signal is not None:
                return

    def _know(self, leg: str) -> None:
        if self.plan.leg(leg) is None:
            known = ", ".join(one.name for one in self.plan.legs)
            raise Refused(f"the applied plan has no leg {leg!r}; it has: {known}")

    def _run(self, leg: str) -> RunReport:
        try:
            return run_leg(
                self.plan,
                leg,
                places=self.places,
                progress=tell if self.verbose else None,
                waived=self.waived,
            )
        except UnknownLeg as error:
            raise Refused(str(error)) from None
