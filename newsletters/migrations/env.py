"""Alembic's entry point; the connection comes from newsletters.migrations, never from a file."""

from alembic import context

from newsletters.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
