"""``GET /healthz`` names what is not well."""

import shutil
from pathlib import Path

from flask.testing import FlaskClient

from config import Config
from newsletters.app import create_app
from newsletters.runtime import Runtime


def test_a_well_process_says_so(client: FlaskClient) -> None:
    answer = client.get("/healthz")

    assert answer.status_code == 200
    assert answer.json == {"status": "ok", "web": "ok", "database": "ok", "engine": "ok"}


def test_a_lost_database_is_named(config: Config, runtime: Runtime, tmp_path: Path) -> None:
    app = create_app(Config.from_env({"DATA_DIR": str(tmp_path), "ENGINE_URL": "memory://"}))
    client = app.test_client()
    app.extensions["newsletters"].db.close()
    shutil.rmtree(tmp_path)

    answer = client.get("/healthz")

    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["database"] == "unreachable"
    assert answer.json["web"] == "ok"
