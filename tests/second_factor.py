"""Editors with a second factor whose secret a test knows, and the codes it gives."""

import re
from datetime import datetime, timedelta
from functools import cache

from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from newsletters.accounts import recovery
from newsletters.accounts.factor_models import RecoveryCode, SecondFactor
from newsletters.accounts.factor_proof import about
from newsletters.accounts.models import Editor, Role
from newsletters.accounts.passwords import hash_password
from newsletters.kernel import totp
from newsletters.kernel.db import Database
from newsletters.kernel.sealing import Sealer
from newsletters.runtime import Runtime
from tests.conftest import NOW
from tests.desk import PASSWORD, post
from tests.factories import make_editor

SECRET = b"12345678901234567890"  # of the RFCs
RECOVERY = ("abcd-efgh-jkmn", "pqrs-tuvw-xyz2")
WRONG = "000000"  # at none of the moments that tests look at
HALF_MINUTE = timedelta(seconds=30)
_SALT = "5a" * 16


def app_code(at: datetime = NOW) -> str:
    """What the app shows."""
    return totp.code(SECRET, totp.step_at(at))


def give_factor(session: Session, editor: Editor, sealer: Sealer) -> None:
    """Turn a second factor on, as long ago as the account."""
    sealed = sealer.seal(SECRET, about=about(editor.id))
    session.add(SecondFactor(editor_id=editor.id, secret=sealed, recovery_salt=_SALT))
    session.add_all(RecoveryCode(editor_id=editor.id, code_hash=_hashed(code)) for code in RECOVERY)
    editor.second_factor_at = editor.created_at
    session.flush()


def plain_editor(db: Database, role: Role = Role.OWNER) -> Editor:
    """An editor with a password and no second factor."""
    with db.transaction() as session:
        return make_editor(session, role=role, password_hash=_password_hash())


def guarded_editor(db: Database, runtime: Runtime, role: Role = Role.OWNER) -> Editor:
    """An editor with a password and a second factor."""
    with db.transaction() as session:
        editor = make_editor(session, role=role, password_hash=_password_hash())
        give_factor(session, editor, runtime.sealer)
    return editor


def give_password(client: FlaskClient, editor: Editor, password: str = PASSWORD) -> TestResponse:
    """The first step of signing in."""
    form = {"email": editor.email, "password": password}
    return post(client, "/desk/sign-in", form, page="/desk/sign-in")


def give_code(client: FlaskClient, code: str, *, is_recovery: bool = False) -> TestResponse:
    """The second step of signing in."""
    page = "/desk/sign-in/code"
    return post(client, page, {"code": code, **({"recovery": "1"} if is_recovery else {})}, page=page)


@cache
def _password_hash() -> str:
    return hash_password(PASSWORD)


@cache
def _hashed(code: str) -> str:
    return recovery.hashed(code, _SALT)


def secret_in(page: str) -> bytes:
    """The secret that stands on the page in groups of four, beside its picture."""
    groups = re.findall(r"<code>([A-Z2-7]{4})</code>", page)
    assert len(groups) == 8
    assert "<svg" in page
    return _from_letters("".join(groups))


def _from_letters(letters: str) -> bytes:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    number = 0
    for letter in letters:
        number = number * 32 + alphabet.index(letter)
    return number.to_bytes(20, "big")
