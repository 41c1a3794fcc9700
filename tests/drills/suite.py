"""The ground on which the suite runs the short forms: the suite's own server and migrated database."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import SERVER_URL, on_postgres
from tests.drills.ground import Ground, Kind


@pytest.fixture
def ground(migrated: str, database_url: str, tmp_path: Path) -> Iterator[Ground]:
    """A ground on the database that this run of the suite is about, which ``database_url`` stands for."""
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)  # the database server's own user must pass
    kind: Kind = "postgresql" if on_postgres else "sqlite"
    server = os.environ.get(SERVER_URL)
    with Ground(kind, tmp_path / "drill", server_url=server, migrated=migrated) as made:
        yield made
