"""Alembic's environment: run by Alembic with the connection that ``store.migrate`` opened.

Without a connection it writes the migrations' SQL to standard output (``--sql``), for review or for a
database administrator, in the dialect of ``sqlalchemy.url``.
"""

from alembic import context

from store.schema import metadata


def run() -> None:
    """Run the migrations, or print them."""
    connection = context.config.attributes.get("connection")
    if connection is None:
        context.configure(
            url=context.config.get_main_option("sqlalchemy.url"),
            target_metadata=metadata,
            literal_binds=True,
            render_as_batch=True,
        )
    else:
        context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


run()
