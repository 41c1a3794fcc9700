"""What a browser test asks of any page: does axe find something, does it scroll sideways."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

PHONE = 390
DESK = 1440
NARROWEST = 320
WATCH_SHIFTS = """
window.shifts = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.shifts += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""

_axe = Axe()


def axe_problems(page: Page) -> list[str]:
    """One line for everything that axe-core holds against the page as it stands now."""
    found: list[dict[str, Any]] = _axe.run(page).response["violations"]
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}" for each in found for node in each["nodes"]
    ]


def scrolls_sideways(page: Page) -> bool:
    """Whether something is wider than the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def scrolls_when_magnified(page: Page) -> bool:
    """The same for who magnifies it until only so much of it fits (WCAG 2.2, 1.4.10)."""
    size = page.viewport_size
    assert size is not None
    page.set_viewport_size({"width": NARROWEST, "height": size["height"]})
    is_wider = scrolls_sideways(page)
    page.set_viewport_size(size)
    return is_wider
