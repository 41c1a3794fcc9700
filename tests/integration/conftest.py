"""Fixtures that several files share, from the modules they belong to."""

from tests.delivering import tasks
from tests.readers import newsroom
from tests.ukrainian import leaving, preferences, ukrainian, ukrainian_subscription

__all__ = ["leaving", "newsroom", "preferences", "tasks", "ukrainian", "ukrainian_subscription"]
