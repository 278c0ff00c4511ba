"""The migrations as Alembic runs them.

Apart from :mod:`store.migrate`, which looks at a schema's version: Alembic takes a third of a second to load, and only
the commands that make or change a schema need it.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

_MIGRATIONS = Path(__file__).parent / "migrations"


def run_missing(connection: Connection) -> None:
    """Run the migrations that the database has not had yet, on ``connection`` and in its transaction."""
    command.upgrade(alembic_config(connection), "head")


def alembic_config(connection: Connection | None = None) -> Config:
    """Answer Alembic's configuration for our migrations, run on ``connection`` if there is one."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
