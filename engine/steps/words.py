"""What each step does, in words: `run --explain` shows the steps that a run carries out."""

from __future__ import annotations

from collections.abc import Iterable

from engine.generations.names import name_of
from engine.generations.reasons import say
from engine.generations.retention import Decision
from engine.reach.command_words import show_command
from engine.steps.dumps import DumpStep, JudgeDump, MakeArtefact
from engine.steps.fetches import FetchFile
from engine.steps.generations import (
    CompleteGeneration,
    CopyDatabases,
    CopyGeneration,
    GenerationStep,
    PruneGenerations,
    StageGeneration,
)
from engine.steps.items import CloseItem, ItemStep, OpenItem
from engine.steps.model import (
    BeginPass,
    CatchUp,
    ClaimEntries,
    CompareForeign,
    DeleteGone,
    DeletePass,
    EnsureDirectory,
    ExpireDeleted,
    GuardDeletions,
    HookStep,
    RecordProvenance,
    SelectChanges,
    SendChanges,
    Step,
    Transfer,
    WriteRules,
)
from engine.steps.snapshots import RemoveSnapshots, SnapshotStep, TakeSnapshot
from policy.encryption import Encryption
from policy.forms import Form
from policy.values import display


def explain_steps(steps: Iterable[Step]) -> tuple[str, ...]:
    """Say what each step does, one line each."""
    return tuple(_explain(step) for step in steps)


def _explain(step: Step) -> str:
    match step:
        case HookStep():
            when = "afterwards, whatever happens" if step.always else "first"
            return f"{when}: {show_command(tuple(word.encode() for word in step.run))}"
        case GuardDeletions():
            return f"stop here if more than {step.most:,} deletions are wanted"
        case Transfer() | CompareForeign() | DeletePass() | ExpireDeleted():
            return f"{step.feed}: {_explain_command(step)}: {show_command(step.argv)}"
        case BeginPass() | SelectChanges() | SendChanges() | CatchUp() | DeleteGone():
            return f"{step.feed}: {_explain_change(step)}"
        case EnsureDirectory() | WriteRules() | ClaimEntries() | RecordProvenance():
            return f"{step.feed}: {_explain_note(step)}"
        case (
            StageGeneration()
            | FetchFile()
            | MakeArtefact()
            | JudgeDump()
            | CopyGeneration()
            | CopyDatabases()
            | CompleteGeneration()
            | PruneGenerations()
        ):
            return f"{step.feed}: {_explain_generation(step)}"
        case OpenItem() | CloseItem() | TakeSnapshot() | RemoveSnapshots():
            return f"{step.feed}: {_explain_item(step)}"


def _explain_command(step: Transfer | CompareForeign | DeletePass | ExpireDeleted) -> str:
    match step:
        case Transfer():
            return "copy, and count deletions"
        case CompareForeign():
            return f"compare {_entries(len(step.names))} that lay there before this leg"
        case DeletePass():
            return "delete what was counted, no more"
        case ExpireDeleted():
            return f"drop what was set aside by {', '.join(map(display, step.run_ids))}"


def _explain_change(step: BeginPass | SelectChanges | SendChanges | CatchUp | DeleteGone) -> str:
    match step:
        case BeginPass():
            return f"{step.choice.mode.value} pass: {step.choice.reason}"
        case SelectChanges():
            return "look at what the journal names"
        case SendChanges(replaced=True):
            return f"copy what lies now where directories were: {show_command(step.files)}"
        case SendChanges():
            return f"copy what changed: {show_command(step.files)}"
        case CatchUp():
            return "copy what has come meanwhile, should anything be deleted"
        case DeleteGone(count_only=True):
            return "count what is to be deleted, should anything be gone"
        case DeleteGone():
            return "delete what was counted, no more"


def _explain_generation(step: GenerationStep | FetchFile | DumpStep) -> str:
    match step:
        case FetchFile() | MakeArtefact() | JudgeDump():
            return _explain_product(step)
        case StageGeneration():
            return f"a new generation, {step.choice.reason}: written aside first"
        case CopyGeneration():
            return f"copy, and link what has not changed: {show_command(step.argv)}"
        case CopyDatabases():
            command = show_command((b"python", *step.arguments))
            return f"copy each database, and verify the copy: {command}"
        case CompleteGeneration():
            return f"call it {display(step.name)}"
        case PruneGenerations():
            return f"remove {'; '.join(map(_explain_pruned, step.decisions))}"


def _explain_product(step: FetchFile | DumpStep) -> str:
    match step:
        case FetchFile():
            what = f"keep as {display(step.name)} what it says"
            return f"{what}{_aside(step.encryption)}: {_fetched(step)}"
        case JudgeDump():
            return "compare it with the last one that was verified, and leave its record in it"
        case MakeArtefact(artefact=artefact):
            what = display(artefact.name) or "what lies beside it"
            command = show_command(artefact.client.shown)
            read = f"keep as {what}, and read it back as {artefact.nature.value}"
            return f"{read}{_aside(step.encryption)}: {command}"


def _aside(encryption: Encryption | None) -> str:
    if encryption is None:
        return ""
    return ", in the private directory of this run until it is encrypted by age"


def _fetched(step: FetchFile) -> str:
    form = "" if step.form is Form.NONE else f", which must be {step.form.value}"
    return show_command(tuple(word.encode() for word in step.run)) + form


def _explain_pruned(one: Decision) -> str:
    name = display(name_of(one.generation.moment))
    return f"{name} ({', '.join(map(say, one.reasons))})"


def _explain_item(step: ItemStep | SnapshotStep) -> str:
    match step:
        case OpenItem():
            return f"open its snapshot {step.snapshot.text}"
        case CloseItem():
            return "close it, whatever became of it"
        case TakeSnapshot():
            return f"take the snapshot {step.volume.snapshot_text(step.moment, step.leg)}"
        case RemoveSnapshots():
            return f"remove {'; '.join(map(_explain_pruned, step.decisions))}"


def _explain_note(step: EnsureDirectory | WriteRules | ClaimEntries | RecordProvenance) -> str:
    match step:
        case EnsureDirectory():
            return f"make the directory {step.target} where it is missing"
        case WriteRules(protects=False):
            return "take a copy of its filter, as applied"
        case WriteRules():
            return f"protect {_entries(len(step.text.splitlines()))} that this leg never wrote"
        case ClaimEntries():
            return f"note {_entries(len(step.names))}, and what is new by then, as this leg's own"
        case RecordProvenance():
            return f"remember {_entries(len(step.names))} at the top as seen"


def _entries(count: int) -> str:
    return f"{count:,} {'entry' if count == 1 else 'entries'}"
