"""The composition root: builds what the doors work with out of the settings, and nothing else does."""

from dataclasses import dataclass
from functools import partial

from config import Config
from newsletters.kernel.clock import Clock
from newsletters.kernel.db import Database
from newsletters.kernel.digests import Digester
from newsletters.kernel.sealing import Sealer
from newsletters.kernel.signing import SigningKeys
from newsletters.kernel.steady_clock import FollowingClock, database_time
from newsletters.kernel.tokens import Signer
from newsletters.kernel.urls import Urls
from newsletters.runtime.engine import Engine, EngineAway
from newsletters.runtime.storage import open_huey

__all__ = ["Engine", "EngineAway", "Runtime", "build"]


@dataclass(frozen=True, slots=True)
class Runtime:
    """What every door holds."""

    config: Config
    db: Database
    clock: Clock
    signer: Signer
    issue_keys: SigningKeys
    sealer: Sealer
    digester: Digester
    engine: Engine
    urls: Urls

    def close(self) -> None:
        """Let go of the database's and the engine's connections."""
        self.db.close()
        self.engine.close()


def build(config: Config, *, clock: Clock | None = None) -> Runtime:
    """Wire one process. Opens nothing yet."""
    keys = [config.secret_key.encode(), *(key.encode() for key in config.old_secret_keys)]
    db = Database(config.database_url)
    return Runtime(
        config=config,
        db=db,
        clock=clock or FollowingClock(partial(database_time, db)),
        signer=Signer(keys),
        issue_keys=SigningKeys(keys),
        sealer=Sealer(keys),
        digester=Digester(config.address_hash_key.encode()),
        engine=Engine(open_huey(config.engine_url, secret=config.secret_key)),
        urls=Urls(config.public_url),
    )
