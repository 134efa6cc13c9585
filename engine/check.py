"""Everything that `check` does, as one pure function of the manifest's text."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.compile import Compilation, compile_with
from engine.plan.selection import Verdict
from engine.proof.proof import Difference, prove
from engine.routing.feeds import Draft
from engine.rsync.filters import render_rules
from policy.diagnostics import Diagnostic, Findings, PolicyInvalid, Severity
from policy.document import split_lines
from policy.nodes import Document
from policy.parse import load
from policy.values import display


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What was found, and whether the proof stands."""

    findings: tuple[Diagnostic, ...]
    lines: tuple[str, ...] = ()
    compilation: Compilation | None = None
    proven: bool = False
    states: int = 0
    judged: int | None = None
    """Paths that the real rsync was asked about; None: it was not asked."""
    file: str = ""
    """Where the manifest lies."""
    sha256: str = ""
    """Of its text; empty where it could not be read."""

    @property
    def failed(self) -> bool:
        """Whether an error is among the findings."""
        return any(one.severity is Severity.ERROR for one in self.findings)

    @property
    def warned(self) -> bool:
        """Whether a warning is among the findings."""
        return any(one.severity is Severity.WARNING for one in self.findings)

    def with_errors(self, more: tuple[Diagnostic, ...]) -> CheckReport:
        """The report with further errors; the proof does not stand beside them."""
        findings = Findings([*self.findings, *more]).sorted()
        return replace(self, findings=findings, proven=self.proven and not more)

    def with_more(self, more: tuple[Diagnostic, ...]) -> CheckReport:
        """The report with findings of this machine; they leave the proof as it is."""
        return replace(self, findings=Findings([*self.findings, *more]).sorted())


def check_manifest(data: bytes, file: str) -> CheckReport:
    """Read, compile, judge and prove a manifest."""
    try:
        document, policy = load(data, file)
    except PolicyInvalid as error:
        return CheckReport(findings=error.diagnostics, lines=_lines(data))
    findings = Findings()
    compilation = compile_with(policy, findings)
    if compilation is None:
        return CheckReport(findings=findings.sorted(), lines=document.lines)
    proven, states = _prove_all(compilation, findings)
    return _report(document, findings, compilation, proven=proven, states=states)


def _report(
    document: Document,
    findings: Findings,
    compilation: Compilation,
    *,
    proven: bool,
    states: int,
) -> CheckReport:
    return CheckReport(
        findings=findings.sorted(),
        lines=document.lines,
        compilation=compilation,
        proven=proven,
        states=states,
    )


def _lines(data: bytes) -> tuple[str, ...]:
    return split_lines(data.decode("utf-8-sig", "replace"))


def _prove_all(compilation: Compilation, findings: Findings) -> tuple[bool, int]:
    """Prove each selection against its rendered filter; a difference is an error."""
    proven, states = True, 0
    for draft in compilation.drafts:
        selection = draft.feed.selection
        if selection is None:
            continue
        proof = prove(selection, render_rules(selection))
        states += proof.states
        if proof.holds:
            continue
        proven = False
        if proof.difference is None:
            findings.error(
                "proof-too-complex",
                f"the filter of {draft.leg.name!r} has more than a million states: it is not "
                "proven, and will not be applied",
                draft.leg.origin,
                hint="use fewer patterns with several wildcards",
            )
        else:
            _report_difference(draft, proof.difference, findings)
    return proven, states


def _report_difference(draft: Draft, difference: Difference, findings: Findings) -> None:
    says = "takes" if difference.filter_takes else "leaves"
    wanted = "take" if difference.expected in {Verdict.TAKEN, Verdict.ENTERED} else "leave"
    rule = f" (rule {difference.rule})" if difference.rule else ""
    findings.error(
        "proof-difference",
        f"the filter of {draft.leg.name!r}{rule} {says} {display(difference.path)!r} of "
        f"{draft.feed.reads!r}, which it must {wanted}",
        draft.leg.origin,
        hint="this is a fault of policyctl, found before it could do harm; please report it",
    )
