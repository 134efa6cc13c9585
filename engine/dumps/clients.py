"""Programs that dump a server, as data: what they are asked, and how they get what opens it.

A password reaches a client in its environment or by an open file, never as an argument (law 22):
whoever may list processes may read those.
"""

from __future__ import annotations

from dataclasses import dataclass

from policy.secrets import Secret

OUTPUT = b"{output}"
"""Stands for the path of what a program writes by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InVariable:
    """The secret is the value of a variable of that one process."""

    name: str
    before: str = ""
    """What stands before it, such as a user's name and a colon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InOptionFile:
    """The secret stands in a file of options that is the first argument (`--defaults-file`).

    So MySQL's clients have it. The file has no name, and is gone with the process.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Opens:
    """A secret, and the way by which a client gets it."""

    secret: Secret
    way: InVariable | InOptionFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A program, and what it is asked."""

    programs: tuple[str, ...]
    """Names under which it may be installed; the first that is there is taken."""
    arguments: tuple[bytes, ...]
    variables: tuple[tuple[str, str], ...] = ()
    """Of its environment, besides the few that every command gets."""
    opens: Opens | None = None
    account: str | None = None
    """The account of this machine that it runs as; None: our own."""
    complaint: bytes = b""
    """What stands among its complaints where it failed, though it ends with 0; empty: nothing."""

    @property
    def shown(self) -> tuple[bytes, ...]:
        """Its command for people, as a shell takes it; nothing in it is secret."""
        account = ("runuser", "-u", self.account, "--") if self.account is not None else ()
        variables = (f"{name}={value}" for name, value in self.variables)
        # A word with quotation marks is no assignment to a shell, and is one to env(1).
        before = ("env", *variables) if self.variables else ()
        words = (*account, *before, self.programs[0])
        return (*(one.encode("utf-8", "surrogateescape") for one in words), *self.arguments)
