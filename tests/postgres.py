"""A PostgreSQL server of the tests' own: Debian's programs, a cluster in a temporary folder, a port of its own.

It ends with the process that started it, also where that is killed: the kernel then stops it, and a later run deletes
its folder. What makes it quick is what no real server should have: nothing is flushed to the disk, unless asked for.
"""

import atexit
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path

from sqlalchemy import URL

from store.migrate import upgrade
from tests.postgres_reuse import UsedDatabases
from tollgate.office.postgresql import find_postgresql

USER = "tollgate"
PASSWORD = "a p@ss/word:with everything"  # what has to be quoted in a URL is meant
_SERVER_USER = "postgres"
_START_TIMEOUT_S = 30.0
_PREFIX = "tollgate-pg-"
_LEFT_OVER_S = 3600.0
_CONFIGURATION = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
fsync = {flush}
synchronous_commit = {flush}
full_page_writes = {flush}
max_connections = 60
log_min_messages = fatal
log_statement = none
"""


class Cluster:
    """A server that can be stopped and started again with all its databases."""

    def __init__(self, folder: Path, programs: Path, *, flush: bool) -> None:
        self._folder = folder
        self._programs = programs
        self._port = _free_port()
        self._server: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        self._initialise(flush=flush)

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        command = ("setpriv", *_as_user(), "--pdeathsig", "INT", "--", self._program("postgres"), "-D", self._data)
        with (self._folder / "server.log").open("ab") as log:
            self._server = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder, process_group=0)
        deadline_s = time.monotonic() + _START_TIMEOUT_S
        while not self._is_ready():
            if time.monotonic() > deadline_s or self._server.poll() is not None:
                raise RuntimeError(f"PostgreSQL did not start:\n{(self._folder / 'server.log').read_text()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server as a crash does: at once, every connection is lost."""
        if self._server is not None:
            self._server.send_signal(3)  # SIGQUIT: immediate shutdown
            self._server.wait()
            self._server = None

    def url(self, database: str, *, password: str = PASSWORD, host: str | None = None) -> str:
        """Answer a database's URL, by the socket in our folder or by TCP to ``host``."""
        if host is None:
            url = URL.create("postgresql", USER, password, database=database, query={"host": str(self._folder)})
            return url.set(query={**url.query, "port": str(self._port)}).render_as_string(hide_password=False)
        url = URL.create("postgresql", USER, password, host, self._port, database)
        return url.render_as_string(hide_password=False)

    def create_database(self, template: str = "template1") -> str:
        """Make a database as a copy of ``template``, which nobody uses meanwhile, and answer its name."""
        name = f"tollgate_{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name} OWNER {USER} TEMPLATE {template} STRATEGY wal_log")
        return name

    def drop_database(self, name: str) -> None:
        """Delete a database, whoever is connected to it."""
        self.sql(f"DROP DATABASE {name} WITH (FORCE)")

    def sql(self, statements: str, database: str = "postgres") -> str:
        """Run statements as the server's administrator and answer what they print."""
        command = (
            self._program("psql"), "-h", self._folder, "-p", str(self._port), "-U", _SERVER_USER, "-d", database,
            "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-c", statements,
        )  # fmt: skip
        return _run(command)

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def _program(self, name: str) -> str:
        return str(self._programs / name)

    def _initialise(self, *, flush: bool) -> None:
        if os.geteuid() == 0:
            shutil.chown(self._folder, _SERVER_USER, _SERVER_USER)
        _run(
            (
                "setpriv", *_as_user(), "--", self._program("initdb"), "-D", self._data, "-U", _SERVER_USER,
                "--auth-local=trust", "--auth-host=scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync",
            )
        )  # fmt: skip
        configuration = _CONFIGURATION.format(port=self._port, folder=self._folder, flush="on" if flush else "off")
        with Path(self._data, "postgresql.conf").open("a") as file:
            file.write(configuration)
        self.start()
        self.sql(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'")

    def _is_ready(self) -> bool:
        try:
            self.sql("SELECT 1")
        except subprocess.CalledProcessError:
            return False
        return True


@contextmanager
def running_cluster(*, flush: bool = False) -> Iterator[Cluster]:
    """Run a server in a temporary folder for as long as the block lasts.

    Args:
        flush: Whether a commit reaches the disk before it is answered, as on a real server.
    """
    programs = find_postgresql()
    assert programs is not None, "PostgreSQL is missing: `make postgresql` installs it"
    _remove_leftovers()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    cluster = None
    try:
        cluster = Cluster(folder, programs, flush=flush)
        yield cluster
    finally:
        if cluster is not None:
            cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


@cache
def shared_cluster() -> Cluster:
    """Answer the server that all tests of this process share; it ends with the process."""
    running = running_cluster()
    atexit.register(running.__exit__, None, None, None)
    return running.__enter__()


@cache
def migrated_template() -> str:
    """Answer the name of a database with an empty store on the shared server, made once to be copied."""
    name = shared_cluster().create_database()
    upgrade(shared_cluster().url(name))
    return name


@contextmanager
def fresh_database(*, migrated: bool = True) -> Iterator[str]:
    """Lend a database of its own on the shared server, with an empty store or with nothing, and answer its URL."""
    with lent_database(migrated_template()) if migrated else _empty_database() as name:
        yield shared_cluster().url(name)


@contextmanager
def lent_database(template: str) -> Iterator[str]:
    """Lend a database of the shared server that is as ``template``, a store, is, and answer its name."""
    cluster, used = shared_cluster(), _used_databases(template)
    name = used.take() or cluster.create_database(template)
    try:
        yield name
    finally:
        if not used.give_back(name):
            cluster.drop_database(name)


@contextmanager
def _empty_database() -> Iterator[str]:
    cluster = shared_cluster()
    name = cluster.create_database()
    try:
        yield name
    finally:
        cluster.drop_database(name)


@cache
def _used_databases(template: str) -> UsedDatabases:
    return UsedDatabases(shared_cluster().sql, template)


def _remove_leftovers() -> None:
    """Delete what killed runs left: folders without a server, for an hour."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        has_server = (folder / "data" / "postmaster.pid").exists()
        if not has_server and folder.stat().st_mtime < time.time() - _LEFT_OVER_S:
            shutil.rmtree(folder, ignore_errors=True)


def _run(command: Sequence[str | Path]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
    return done.stdout.strip()


@cache
def _as_user() -> tuple[str, ...]:
    """Answer the options that leave root, whom PostgreSQL refuses."""
    if os.geteuid() != 0:
        return ()
    return ("--reuid", _SERVER_USER, "--regid", _SERVER_USER, "--init-groups")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
