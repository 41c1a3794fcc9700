"""The embed door's blueprint: every module of views in this folder hangs its routes on it."""

from collections.abc import Callable

from flask import Blueprint

blueprint = Blueprint("embed", __name__)
CSRF_EXEMPT: list[Callable[..., object]] = []
