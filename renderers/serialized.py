"""Data as YAML and JSON files, quoted by a serializer and never by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from policy.values import display
from renderers.environment import RenderRefused

if TYPE_CHECKING:
    import yaml

Data = str | int | float | bool | None | list["Data"] | dict[str, "Data"]
"""What a file can hold."""


def yaml_file(comment: str, data: Data) -> bytes:
    """A YAML document after a comment. Raises `RenderRefused`."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Nothing is shared between places, so that a reader finds each value where it counts."""

        def ignore_aliases(self, data: object) -> bool:
            del data
            return True

    Dumper.add_representer(str, _string)
    text = yaml.dump(data, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1 << 20)
    lines = "".join(f"# {line}".rstrip() + "\n" for line in comment.splitlines())
    return _encoded(lines + text)


def json_file(data: Data) -> bytes:
    """A JSON document. Raises `RenderRefused`."""
    return _encoded(json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def _string(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    """Plain where it is plain ASCII, a block where it has lines, else with odd characters escaped.

    Readers do not agree on which of those end a line.
    """
    _encoded(value)  # the serializer would escape what is no text, and readers refuse that
    style = None
    if not (value.isascii() and value.replace("\n", "").isprintable()):
        style = '"'
    elif "\n" in value:
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        around = text[max(0, error.start - 20) : error.end + 20]
        shown = display(around.encode("utf-8", "backslashreplace"))
        raise RenderRefused(f"'{shown}' is no text: a file cannot hold it") from None
