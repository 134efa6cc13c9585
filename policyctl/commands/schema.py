"""`policyctl schema`: the JSON Schema of the manifest, for editors."""

from __future__ import annotations


def schema() -> None:
    """Print the JSON Schema of the manifest (draft 2020-12)."""
    from policy.schema import schema_text
    from policyctl.views.console import result

    result(schema_text().rstrip("\n"))
