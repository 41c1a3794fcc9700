"""Where drills run: a kind of database and a folder. Large newsrooms are written once and then copied."""

import os
import shutil
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from sqlalchemy import create_engine, make_url, text

from newsletters.kernel.db import Database
from newsletters.migrations import upgrade
from tests.drills.newsroom import Readers, furnish
from tests.drills.stage import Stage, now
from tests.postgres import DURABLE, PrivatePostgres, binaries

Kind = Literal["sqlite", "postgresql"]


class Ground:
    """Makes stages; ``server_url`` and ``migrated`` are a server and an empty database already there."""

    def __init__(
        self,
        kind: Kind,
        folder: Path,
        *,
        say: Callable[[str], None] = lambda _: None,
        server_url: str | None = None,
        migrated: str | None = None,
    ) -> None:
        self.kind = kind
        self.folder = folder
        self.say = say
        self._server_url = server_url
        self._migrated = migrated
        self._furnished: dict[Readers, str] = {}
        self._ending = ExitStack()

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.kind == "postgresql" and self._server_url is None:
            self._server_url = self.new_server().url
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.close()

    def stage(self, readers: Readers, **settings: str) -> Stage:
        """A stage with a database of its own and these readers."""
        folder = self._new_folder()
        template = self._template(readers)
        return Stage(folder, self._copy(template, folder), readers, settings=settings, is_furnished=True)

    def stage_with_server(self, readers: Readers, place: Path | None = None, /, **settings: str) -> Stage:
        """A stage whose database server nobody else uses: it may be stopped, filled up, killed.

        For SQLite the file is all there is of a server. ``place`` is the folder its data go to.
        """
        folder = self._new_folder()
        if self.kind == "sqlite":
            path = (place or folder) / "newsletters.sqlite3"
            self._copy_file(self._template(readers), path)
            return Stage(folder, f"sqlite:///{path}", readers, settings=settings, is_furnished=True)
        server = self.new_server(place=place)
        _migrate(server.url)
        return Stage(folder, server.url, readers, server=server, settings=settings)

    def new_server(self, *, place: Path | None = None) -> PrivatePostgres:
        programs = binaries()
        if programs is None:
            raise RuntimeError("PostgreSQL's server is missing: apt-get install postgresql")
        server = PrivatePostgres(programs, settings=DURABLE, place=place)
        server.start()
        self._ending.callback(server.stop)
        return server

    def _new_folder(self) -> Path:
        folder = self.folder / f"stage-{uuid.uuid4().hex[:8]}"
        folder.mkdir(parents=True)
        return folder

    def _template(self, readers: Readers) -> str:
        """The file or the name of a furnished database that nobody writes to."""
        if readers not in self._furnished:
            self.say(f"writing a newsroom of {readers.count:,} readers")
            template = self._new_template()
            database = Database(self._url_of(template))
            upgrade(database.engine)
            furnish(database, readers, now=now())
            database.forget_deleted()
            database.close()
            self._furnished[readers] = template
        return self._furnished[readers]

    def _new_template(self) -> str:
        if self.kind == "sqlite":
            path = self.folder / f"template-{uuid.uuid4().hex[:8]}.sqlite3"
            if self._migrated:
                shutil.copy(self._migrated, path)
            return str(path)
        name = f"drills_{uuid.uuid4().hex}"
        self._on_server(f"CREATE DATABASE {name}" + (f" TEMPLATE {self._migrated}" if self._migrated else ""))
        self._ending.callback(self._on_server, f"DROP DATABASE {name} WITH (FORCE)")
        return name

    def _copy(self, template: str, folder: Path) -> str:
        if self.kind == "sqlite":
            path = folder / "newsletters.sqlite3"
            self._copy_file(template, path)
            return f"sqlite:///{path}"
        name = f"drill_{uuid.uuid4().hex}"
        self._on_server(f"CREATE DATABASE {name} TEMPLATE {template}")
        self._ending.callback(self._on_server, f"DROP DATABASE {name} WITH (FORCE)")
        return self._url_of(name)

    def _copy_file(self, template: str, path: Path) -> None:
        for ending in ("", "-wal"):
            if os.path.exists(template + ending):  # noqa: PTH110  (a name with an ending)
                shutil.copy(template + ending, f"{path}{ending}")

    def _url_of(self, name: str) -> str:
        if self.kind == "sqlite":
            return f"sqlite:///{name}"
        assert self._server_url is not None
        return make_url(self._server_url).set(database=name).render_as_string(hide_password=False)

    def _on_server(self, statement: str) -> None:
        assert self._server_url is not None
        engine = create_engine(self._server_url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()


def _migrate(url: str) -> None:
    database = Database(url)
    upgrade(database.engine)
    database.close()
