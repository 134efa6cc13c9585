"""The same servers, with certificates: nobody reaches them in the clear."""

from __future__ import annotations

import json
import ssl
import subprocess
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from urllib.request import HTTPSHandler, ProxyHandler, build_opener

from tests.servers.clients import ask
from tests.servers.etcd import Etcd
from tests.servers.mariadb import MariaDB
from tests.servers.postgresql import PostgreSQL
from tests.servers.programs import program
from tests.servers.redis import Redis

_DAYS = ("-days", "2")
_NAMES = "subjectAltName=IP:127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class Authority:
    """An authority in a folder, and what it has signed: `server.crt`, `client.crt`, and keys."""

    folder: Path

    @classmethod
    def in_folder(cls, folder: Path) -> Authority:
        """Make one, with a certificate for loopback and one for a client."""
        folder.mkdir(mode=0o755)
        found = cls(folder=folder)
        _openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", *_DAYS, "-subj", "/CN=authority"),
            *("-keyout", folder / "ca.key", "-out", found.certificate),
        )
        found._sign("server", "/CN=127.0.0.1", _NAMES, "serverAuth")
        found._sign("client", "/CN=root", "basicConstraints=CA:FALSE", "clientAuth")
        return found

    @property
    def certificate(self) -> Path:
        return self.folder / "ca.crt"

    def of(self, name: str) -> tuple[Path, Path]:
        """A certificate and its key."""
        return self.folder / f"{name}.crt", self.folder / f"{name}.key"

    def _sign(self, name: str, subject: str, extension: str, usage: str) -> None:
        certificate, key = self.of(name)
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        extensions.write_text(f"{extension}\nextendedKeyUsage={usage}\n")
        _openssl(
            *("req", "-newkey", "rsa:2048", "-nodes", "-subj", subject),
            *("-keyout", key, "-out", request),
        )
        _openssl(
            *("x509", "-req", "-in", request, "-CA", self.certificate, *_DAYS),
            *("-CAkey", self.folder / "ca.key", "-CAcreateserial"),
            *("-extfile", extensions, "-out", certificate),
        )
        key.chmod(0o600)


def _openssl(*words: str | Path) -> None:
    subprocess.run([program("openssl"), *map(str, words)], check=True, capture_output=True)


@dataclass(kw_only=True)
class EncryptedPostgreSQL(PostgreSQL):
    """Who comes over TCP comes by TLS."""

    authority: Authority = field(repr=False)

    def make(self) -> None:
        super().make()
        certificate, key = self.authority.of("server")
        for path, mode in ((certificate, 0o644), (key, 0o600)):
            copy = self.directory / path.name
            copy.write_bytes(path.read_bytes())
            self._own(copy, mode=mode)
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(f"ssl = on\nssl_cert_file = '{self.directory}/server.crt'\n")
            file.write(f"ssl_key_file = '{self.directory}/server.key'\n")
        access = self.data / "pg_hba.conf"
        access.write_text("hostnossl all all all reject\n" + access.read_text())


@dataclass(kw_only=True)
class EncryptedMariaDB(MariaDB):
    """Who comes over TCP comes by TLS."""

    authority: Authority = field(repr=False)

    def invocation(self) -> list[str]:
        certificate, key = self.authority.of("server")
        return [
            *super().invocation(),
            *(f"--ssl-cert={certificate}", f"--ssl-key={key}"),
            *(f"--ssl-ca={self.authority.certificate}", "--require-secure-transport=ON"),
        ]


@dataclass(kw_only=True)
class EncryptedRedis(Redis):
    """It has no port without TLS, and asks for no certificate of its clients."""

    authority: Authority = field(repr=False)

    def make(self) -> None:
        super().make()
        certificate, key = self.authority.of("server")
        text = self.configuration.read_text().replace(f"port {self.port}\n", "port 0\n", 1)
        lines = (
            f"tls-port {self.port}",
            f"tls-cert-file {certificate}",
            f"tls-key-file {key}",
            f"tls-ca-cert-file {self.authority.certificate}",
            "tls-auth-clients no",
        )
        self.configuration.write_text(text + "\n".join(lines) + "\n")

    def command(self, *words: str, user: str | None = None, password: str | None = None) -> str:
        secret = self.password if password is None else password
        return ask(
            *("redis-cli", "-s", str(self.socket), "--user", user or self.user),
            *("--no-auth-warning", "-e", *words),
            REDISCLI_AUTH=secret,
        )


@dataclass(kw_only=True)
class EncryptedEtcd(Etcd):
    """It wants a certificate of who asks, as the one of a cluster does."""

    authority: Authority = field(repr=False)

    @property
    def url(self) -> str:
        return f"https://{self.host}:{self.port}"

    def invocation(self) -> list[str]:
        certificate, key = self.authority.of("server")
        return [
            *super().invocation(),
            *(f"--cert-file={certificate}", f"--key-file={key}", "--client-cert-auth"),
            f"--trusted-ca-file={self.authority.certificate}",
        ]

    def answers(self) -> bool:
        context = ssl.create_default_context(cafile=self.authority.certificate)
        context.load_cert_chain(*self.authority.of("client"))
        opener = build_opener(ProxyHandler({}), HTTPSHandler(context=context))
        try:
            with opener.open(f"{self.url}/health", timeout=5) as answer:
                return json.load(answer).get("health") == "true"
        except (OSError, HTTPException):
            return False

    def _etcdctl(self, *words: str, **variables: str) -> str:
        certificate, key = self.authority.of("client")
        return super()._etcdctl(
            *(f"--cacert={self.authority.certificate}", f"--cert={certificate}", f"--key={key}"),
            *words,
            **variables,
        )
