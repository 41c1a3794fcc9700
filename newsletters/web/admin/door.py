"""The desk door's blueprint: every module of views in this folder hangs its routes on it."""

from collections.abc import Callable

from flask import Blueprint

blueprint = Blueprint("desk", __name__, url_prefix="/desk")
CSRF_EXEMPT: list[Callable[..., object]] = []
