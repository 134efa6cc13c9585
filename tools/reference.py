"""Writes docs/reference from what the program itself knows: schema, commands, codes.

    python -m tools.reference            write the pages anew
    python -m tools.reference --check    write nothing; exit 1 where a page is stale

Prose about diagnostics is kept by hand in docs/reference/diagnostics.yaml; everything else comes
from the JSON Schema, the Typer application and the exit codes.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

import click
import typer.main
import yaml

from engine import exit_codes as rsync_codes
from policy.schema import schema_text
from policyctl import exit_codes
from policyctl.main import app

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "reference"
PROSE = PAGES / "diagnostics.yaml"
WIDTH = 100
MADE = "<!-- Made by `make docs`: do not edit. -->"
Schema = Mapping[str, Any]


def wrap(text: str, *, indent: str = "", first: str | None = None) -> str:
    """Break a paragraph at the width of the docs; `first` stands before its first line."""
    return textwrap.fill(
        " ".join(text.split()),
        WIDTH,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def page(title: str, *parts: str) -> str:
    """Put a page together: its title, the note that it is made, its parts."""
    return "\n\n".join([f"# {title}", MADE, *(part for part in parts if part)]) + "\n"


# ── The manifest ─────────────────────────────────────────────────────────────────────────────

VALUES = (
    "name",
    "duration",
    "size",
    "percentage",
    "reason",
    "absolutePath",
    "arguments",
    "calendar",
    "need",
)
SECTIONS = {
    "destinations": "Each key is a name that you choose.",
    "sources": "Each key is a name that you choose. What a source may say depends on its `kind`.",
    "legs": "Each key is a name that you choose. What a leg may say depends on its `kind`.",
    "routes": "Each key is a pattern: an absolute path inside a tree, or `source:item`.",
    "ignore": "Each key is a pattern.",
    "objectives": "Each key is `default`, or a pattern as in `routes`.",
    "checks": "Each key is a name that you choose.",
    "drills": "Each key is a name that you choose.",
    "monitoring": "",
}
KINDS = {"sources": "source", "legs": "leg", "checks": "check"}
ENTRY = {"destinations": "destination", "objectives": "objective", "drills": "drill"}
DEFAULT = re.compile(r"\s*Default: (?P<default>.*?)\.?$")


class Manifest:
    """The JSON Schema as sections of a page."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.defs: Mapping[str, Schema] = schema["$defs"]

    def parts(self) -> Iterator[str]:
        """Yield the page, part by part."""
        yield wrap(
            f"{self.schema['description']} It is one YAML file. Keys that are not named here are "
            "errors. `policyctl schema` prints the JSON Schema that this page is made from; an "
            "editor that knows it completes and checks while you type."
        )
        yield "## The file"
        yield self.properties(self.schema, deep=False)
        yield "## Values"
        yield "\n".join(self._value(name) for name in VALUES)
        for name, about in SECTIONS.items():
            yield f"## `{name}`"
            yield wrap(f"{self.schema['properties'][name]['description']} {about}")
            yield from self._section(name)
        yield "## `needs`"
        yield wrap(f"{self.defs['need']['description']} A list of these:")
        yield from self._forms(self.defs["need"])
        for name in ("keep", "runner"):
            yield f"## `{name}`"
            yield wrap(self.defs[name]["description"])
            yield self.properties(self.defs[name])

    def _value(self, name: str) -> str:
        found = self.defs[name]
        return wrap(
            f"- **{found['title']}**: {found['description']} {examples(found)}",
            indent="  ",
            first="",
        )

    def _section(self, name: str) -> Iterator[str]:
        if name in KINDS:
            yield from self._kinds(KINDS[name])
        elif name in ENTRY:
            yield self.properties(self.defs[ENTRY[name]])
        elif name == "monitoring":
            yield self.properties(self.schema["properties"][name])
        else:
            forms = self.defs["route" if name == "routes" else "ignoreEntry"]
            yield wrap(forms["description"])
            yield from self._forms(forms)

    def _forms(self, forms: Schema) -> Iterator[str]:
        """Yield what each form says that is a mapping."""
        for form in forms["oneOf"]:
            if "properties" in form:
                yield wrap(form["description"].removesuffix(".") + ":")
                yield self.properties(form)

    def _kinds(self, what: str) -> Iterator[str]:
        names = self.defs[what]["properties"]["kind"]["enum"]
        kinds = {name: self.defs[f"{what}-{name}"] for name in names}
        shared = self._shared(kinds.values())
        shown: dict[str, dict[str, Schema]] = {}
        if len(kinds) > 1:
            yield f"### Every {what}"
            yield self._listed(shared, required=())
        for name, found in kinds.items():
            own = {
                key: value
                for key, value in found["properties"].items()
                if key != "kind" and (len(kinds) == 1 or key not in shared)
            }
            yield f"### {what} `kind: {name}`"
            yield wrap(found["description"])
            twin = next((one for one, seen in shown.items() if seen == own), None)
            if twin:
                yield f"It has the properties of `kind: {twin}`."
            else:
                yield self._listed(own, required=found.get("required", ()))
            shown[name] = own

    def _shared(self, kinds: Iterable[Schema]) -> dict[str, Schema]:
        """Properties that every kind has, with the same meaning; those that one kind needs too."""
        all_of = [kind["properties"] for kind in kinds]
        return {
            key: value
            for key, value in all_of[0].items()
            if all(other.get(key) == value for other in all_of[1:])
        }

    def properties(self, found: Schema, *, deep: bool = True) -> str:
        """List the properties of an object."""
        return self._listed(found["properties"], required=found.get("required", ()), deep=deep)

    def _listed(
        self,
        properties: Mapping[str, Schema],
        *,
        required: Iterable[str],
        indent: str = "",
        deep: bool = True,
    ) -> str:
        rows = []
        for key, value in properties.items():
            rows.append(self._property(key, value, needed=key in required, indent=indent))
            inner = self._inner(value) if deep else None
            if inner is not None:
                needed = inner.get("required", ())
                rows.append(
                    self._listed(inner["properties"], required=needed, indent=indent + "  ")
                )
        return "\n".join(rows)

    def _property(self, key: str, value: Schema, *, needed: bool, indent: str) -> str:
        about = value.get("description", "")
        default = DEFAULT.search(about)
        about = DEFAULT.sub("", about)
        facts = [self.type_of(value), "required" if needed else ""]
        facts.append(f"default: {default['default']}" if default else "")
        shown = "; ".join(fact for fact in facts if fact)
        return wrap(
            f"- `{key}` ({shown}): {about} {examples(value)}", indent=indent + "  ", first=indent
        )

    def _inner(self, value: Schema) -> Schema | None:
        """The object that a value is or may be, where it is described in place."""
        candidates = [value, *value.get("oneOf", ())]
        items = value.get("items")
        candidates += [items] if isinstance(items, dict) else []
        return next((one for one in candidates if one.get("properties")), None)

    def type_of(self, value: Schema) -> str:
        """Say in words what a value is."""
        if "$ref" in value:
            name = value["$ref"].rpartition("/")[2]
            return str(self.defs[name].get("title", f"see `{name}`"))
        if "const" in value:
            return f"`{json.dumps(value['const']).strip(chr(34))}`"
        if "enum" in value:
            return ", ".join(f"`{one}`" for one in value["enum"])
        if "oneOf" in value:
            return " or ".join(dict.fromkeys(self.type_of(one) for one in value["oneOf"]))
        if value.get("type") == "array":
            return f"list of: {self.type_of(value['items'])}"
        words = {
            "object": "mapping",
            "string": "text",
            "integer": "whole number",
            "boolean": "true or false",
        }
        return str(value.get("title") or words[value["type"]])


def examples(value: Schema) -> str:
    """The examples as one would write them in the manifest."""
    shown = [f"`{flow(one)}`" for one in value.get("examples", ())]
    word = "Example" if len(shown) == 1 else "Examples"
    return f"{word}: {', '.join(shown)}." if shown else ""


def flow(value: object) -> str:
    """A value as YAML on one line."""
    text: str = yaml.safe_dump(
        value, default_flow_style=True, allow_unicode=True, width=10_000, sort_keys=False
    )
    return text.removesuffix("\n...\n").strip()


# ── The command line ─────────────────────────────────────────────────────────────────────────


def cli_parts() -> Iterator[str]:
    """Yield each command with its arguments and options."""
    group = typer.main.get_command(app)
    assert isinstance(group, click.Group)
    callbacks = {
        one.name or one.callback.__name__.replace("_", "-"): one.callback
        for one in app.registered_commands
        if one.callback is not None
    }
    yield wrap(
        f"{group.help} Results go to stdout, everything else to stderr; with `--json` stdout is "
        "one JSON document. What the exit codes mean: [exit-codes.md](exit-codes.md)."
    )
    for name, command in sorted(group.commands.items()):
        if command.hidden:
            continue
        usage = " ".join(command.collect_usage_pieces(click.Context(command, info_name=name)))
        yield f"## `policyctl {name}`"
        yield f"```\npolicyctl {name} {usage}\n```"
        yield "\n\n".join(wrap(one) for one in inspect.cleandoc(command.help or "").split("\n\n"))
        hints = get_type_hints(inspect.unwrap(callbacks[name]), include_extras=True)
        rows = [
            _parameter(one, _help(one, hints.get(one.name or "")))
            for one in command.params
            if not getattr(one, "hidden", False)
        ]
        yield "\n".join(rows)


def _help(one: click.Parameter, hint: object) -> str:
    """The help of a parameter; some versions of click lose that of an argument on the way."""
    declared = (getattr(each, "help", None) for each in getattr(hint, "__metadata__", ()))
    return getattr(one, "help", None) or next(filter(None, declared), "")


def _parameter(one: click.Parameter, about: str) -> str:
    if isinstance(one, click.Option):
        names = ", ".join(f"`{name}`" for name in [*one.opts, *one.secondary_opts])
        value = "" if one.is_flag else f" `{one.metavar or one.type.name.upper()}`"
        return wrap(f"- {names}{value}: {about}", indent="  ", first="")
    return wrap(f"- `{one.metavar or one.human_readable_name}`: {about}", indent="  ", first="")


# ── Exit codes ───────────────────────────────────────────────────────────────────────────────

MEANINGS = {
    "OK": "Done, and nothing is wrong.",
    "BUG": "An exception that nobody foresaw. Please report it with the lines that it printed. "
    "`pause --check`, which foresees them all: the leg is paused.",
    "USAGE": "The command line was not understood, or no manifest was found.",
    "INVALID_POLICY": "The manifest has errors (with `check --strict`: or warnings).",
    "CHANGES": "`plan --exit-code`: there is something to apply. `docs --check`: pages are not as "
    "they should be.",
    "FAILED": "A leg failed or could not tell its end, an `apply` was refused or not all of it "
    "took effect, `status` found something unhealthy, `restore --order` found a circle, `measure` "
    "found no tree, `gc` or `migrate` could not look at all that it lists, a drill did not end "
    "well, or a check found that something is not.",
    "DEGRADED": "Done, but not all of it. `measure`: directories could not be read. "
    "`cluster`: no job can be made any more of what has a file, which is kept. "
    "`restore`: what came differs from another copy of it. `drill`: a restore of all would take "
    "longer than stated.",
    "LOCKED": "The leg, the drill or the check is already running, or for `gc` one that writes "
    "there; nothing was touched (EX_TEMPFAIL of sysexits.h).",
    "INTERRUPTED": "Interrupted from the keyboard (SIGINT).",
    "TERMINATED": "Told to stop (SIGTERM).",
}


def exit_code_parts() -> Iterator[str]:
    """Yield policyctl's own codes, then how rsync's are judged."""
    yield wrap(
        "A code that is not in this table means failure. Where several legs run in a row, the "
        "worst of their codes is told: a signal's, then 5, 6, 75, 0."
    )
    rows = ["| code | name | meaning |", "|---|---|---|"]
    rows += [f"| {int(one)} | {one.name} | {MEANINGS[one.name]} |" for one in exit_codes.ExitCode]
    yield "\n".join(rows)
    yield "## How rsync's own exit codes are judged"
    yield wrap(
        "`degraded` becomes an error unless the leg says `tolerate: [unreadable]`. A code that is "
        "not in this table has failed."
    )
    rows = ["| rsync | judged | meaning |", "|---|---|---|"]
    for code in range(256):
        outcome, meaning = rsync_codes.outcome_of(code), rsync_codes.meaning_of(code)
        if "never documented" not in meaning:
            rows.append(f"| {code} | {outcome.value} | {meaning} |")
    yield "\n".join(rows)


# ── Diagnostics ──────────────────────────────────────────────────────────────────────────────

CODE = re.compile(r"[a-z]+(?:-[a-z]+)+\Z")
TELLERS = {"error": "error", "warning": "warning", "note": "note"}


@dataclass(frozen=True, slots=True)
class Emitted:
    """A code in the program's text; `pattern` where a part of it is computed."""

    pattern: str
    severity: str | None
    """None where the text does not say it."""
    where: str


def emitted_codes() -> tuple[Emitted, ...]:
    """Every code that some line of the program can emit."""
    found: list[Emitted] = []
    for package in ("policy", "engine", "renderers", "policyctl"):
        for module in sorted((ROOT / package).rglob("*.py")):
            found += _codes_in(ast.parse(module.read_text()), str(module.relative_to(ROOT)))
    return tuple(found)


def _codes_in(tree: ast.Module, module: str) -> Iterator[Emitted]:
    by_variable = False
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        argument, severity = _code_argument(node)
        where = f"{module}:{node.lineno}"
        pattern = _pattern_of(argument)
        if pattern is not None:
            yield Emitted(pattern, severity, where)
        by_variable |= isinstance(argument, ast.Name)
    if by_variable:
        yield from _codes_in_tuples(tree, module)


def _pattern_of(argument: ast.expr | None) -> str | None:
    """What a code can be, as a regular expression; None where the argument is no code."""
    match argument:
        case ast.Constant(value=str() as code) if CODE.match(code):
            return re.escape(code)
        case ast.JoinedStr(values=parts):
            pattern = "".join(
                re.escape(str(one.value)) if isinstance(one, ast.Constant) else "[a-z-]+"
                for one in parts
            )
            return None if " " in pattern else pattern  # a sentence is no code
        case _:
            return None


def _code_argument(node: ast.Call) -> tuple[ast.expr | None, str | None]:
    """The argument of a call that is a diagnostic's code, and the severity that the call says."""
    named = {word.arg: word.value for word in node.keywords}
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    plain = node.func.id if isinstance(node.func, ast.Name) else ""
    if plain == "Diagnostic":
        return named.get("code"), None if "severity" in named else "error"
    if name in TELLERS and len(node.args) >= 3:
        return node.args[0], TELLERS[name]
    if plain and len(node.args) >= 3:
        first = node.args[0]
        literal = isinstance(first, ast.Constant | ast.JoinedStr)
        return (first, "error" if plain == "_invalid" else None) if literal else (None, None)
    return None, None


def _codes_in_tuples(tree: ast.Module, module: str) -> Iterator[Emitted]:
    """Codes that reach a finding through a variable stand first in a tuple (code, …)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Tuple) and node.elts:
            for one in ast.walk(node.elts[0]):
                if isinstance(one, ast.Constant) and CODE.match(str(one.value)):
                    yield Emitted(re.escape(str(one.value)), None, f"{module}:{one.lineno}")


def diagnostic_entries() -> dict[str, dict[str, str]]:
    """The hand-written entries: code → severity, meaning, do."""
    entries: dict[str, dict[str, str]] = yaml.safe_load(PROSE.read_text())
    return entries


def diagnostic_parts() -> Iterator[str]:
    """Yield each code with what it means and what to do."""
    yield wrap(
        "Each finding is shown as `file:line:column: severity code: message`, with the line of the "
        "manifest, a mark below the value, and a hint. An **error** means that the manifest cannot "
        "be applied as it stands; a **warning** that something in it is likely not meant so; a "
        "**note** is true and worth knowing, and there is nothing to mend. A manifest is clean "
        "when it has neither errors nor warnings. Codes are stable: scripts may rely on them."
    )
    for code, entry in sorted(diagnostic_entries().items()):
        yield f"## `{code}`"
        yield wrap(f"**{entry['severity']}.** {entry['meaning']}")
        yield wrap(f"What to do: {entry['do']}")


# ── Writing ──────────────────────────────────────────────────────────────────────────────────


def pages() -> dict[Path, str]:
    """All pages as they should be."""
    manifest = Manifest(json.loads(schema_text()))
    return {
        PAGES / "manifest.md": page("The manifest: every property", *manifest.parts()),
        PAGES / "cli.md": page("The command line", *cli_parts()),
        PAGES / "exit-codes.md": page("Exit codes", *exit_code_parts()),
        PAGES / "diagnostics.md": page("Diagnostics", *diagnostic_parts()),
    }


def main(options: list[str]) -> int:
    """Write the pages, or say which are stale."""
    stale = [
        path for path, text in pages().items() if not path.exists() or path.read_text() != text
    ]
    if "--check" in options:
        for path in stale:
            print(f"stale: {path.relative_to(ROOT)} (run `make docs`)", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_text(pages()[path])
        print(f"written: {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
