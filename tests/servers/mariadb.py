"""A real MariaDB on loopback; root has a password, over TCP as on its socket."""

from __future__ import annotations

import getpass
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.clients import Refused, ask
from tests.servers.process import Server, new_password
from tests.servers.programs import program

SIZES = (
    "--debug-no-sync",  # nobody pulls the plug on a test: what the kernel has is safe
    "--innodb-buffer-pool-size=16M",
    "--innodb-log-file-size=8M",
    "--innodb-data-file-path=ibdata1:4M:autoextend",
    "--innodb-autoextend-increment=4",
    "--innodb-temp-data-file-path=ibtmp1:4M:autoextend",
    "--key-buffer-size=1M",
    "--aria-pagecache-buffer-size=8M",
)
FIRST = """\
DELETE FROM mysql.global_priv WHERE User = '' OR (User = 'root' AND Host <> 'localhost');
FLUSH PRIVILEGES;
SET PASSWORD FOR root@localhost = PASSWORD({password});
"""
OWN_DATABASES = ("information_schema", "mysql", "performance_schema", "sys")
OWN_USERS = ("root", "mariadb.sys", "PUBLIC")


def quoted(text: str) -> str:
    """As a string of its SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def named(text: str) -> str:
    """As a name in its SQL."""
    return "`" + text.replace("`", "``") + "`"


@dataclass(kw_only=True)
class MariaDB(Server):
    """How to reach it."""

    user: str = "root"
    password: str = field(default_factory=new_password)

    name = "mariadb"
    programs = ("mariadb-install-db", "mariadbd", "mariadb", "mariadb-admin", "setpriv")

    @property
    def socket(self) -> Path:
        return self.directory / "mariadb.sock"

    def sql(
        self,
        text: str,
        database: str = "",
        *,
        user: str | None = None,
        password: str | None = None,
    ) -> str:
        """What statements answer, a line for a row, tabs between columns.

        The administrator asks through the socket; who has a password, over TCP.
        """
        to = [f"--user={user or self.user}"]
        if password is None:
            to += [f"--socket={self.socket}"]
        else:
            to += [f"--host={self.host}", f"--port={self.port}"]
        how = ("--no-defaults", "--batch", "--skip-column-names", "--skip-ssl")
        secret = self.password if password is None else password
        return ask("mariadb", *how, *to, f"--database={database}", stdin=text, MYSQL_PWD=secret)

    def sweep(self) -> None:
        """Remove databases and users that tests have made."""
        digits = self.sql("SELECT HEX(schema_name) FROM information_schema.schemata").splitlines()
        databases = [bytes.fromhex(one).decode() for one in digits]
        users = self.sql("SELECT is_role, User, Host FROM mysql.user").splitlines()
        drops = [f"DROP DATABASE {named(one)};" for one in databases if one not in OWN_DATABASES]
        for role, user, host in (line.split("\t") for line in users):
            if user not in OWN_USERS:
                who = f"ROLE {named(user)}" if role == "Y" else f"USER {named(user)}@{named(host)}"
                drops.append(f"DROP {who};")
        self.sql("\n".join(drops))

    def make(self) -> None:
        (self.directory / "tmp").mkdir()
        first = self.directory / "first.sql"
        first.write_text(FIRST.format(password=quoted(self.password)))
        ask(
            *("mariadb-install-db", "--no-defaults", f"--datadir={self.data}", "--skip-test-db"),
            *("--auth-root-authentication-method=normal", f"--extra-file={first}"),
            *(f"--user={getpass.getuser()}", *SIZES),
        )

    def invocation(self) -> list[str]:
        return [
            *(program("mariadbd"), "--no-defaults", f"--user={getpass.getuser()}"),
            *(f"--datadir={self.data}", f"--tmpdir={self.directory}/tmp"),
            *(f"--bind-address={self.host}", f"--port={self.port}", f"--socket={self.socket}"),
            *(f"--pid-file={self.directory}/pid", *SIZES),
        ]

    def answers(self) -> bool:
        try:
            ask("mariadb-admin", "--no-defaults", f"--socket={self.socket}", "ping")
        except Refused:
            return False
        return True
