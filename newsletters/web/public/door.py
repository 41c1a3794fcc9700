"""The public door's blueprint: every module of views in this folder hangs its routes on it."""

from collections.abc import Callable

from flask import Blueprint

blueprint = Blueprint("public", __name__)
CSRF_EXEMPT: list[Callable[..., object]] = []
