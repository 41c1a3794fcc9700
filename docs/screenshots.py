"""Take the README's pictures of a freshly furnished newsroom: ``make screenshots``."""

import re
import signal
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.running import Running

IMAGES = Path(__file__).parent / "images"
DRAFT = """Dear {{ name|"reader" }},

the first cherries come to the market in a bucket, and the bucket has a name on it.

## Where they are from

Orchards south of the city opened **two weeks early**. Growers blame the warm April; sellers thank it.

> You do not haggle over the first cherries. You are glad.

- A kilogram costs what a kilogram of coffee costs.
- By Friday it will be half.
"""


def main() -> None:
    """Start everything, look at it, stop it."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        running = Running(Path(folder) / "var")
        running.wait_until_ready()
        try:
            _photograph(running)
        finally:
            running.finish(signal.SIGTERM)


def _photograph(running: Running) -> None:
    base = f"http://localhost:{running.ports['PORT']}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        _shoot(page, "front", f"{base}/")
        _sign_in(page, running, base)
        _write(page, base)
        _shoot(page, "report", f"{base}/desk/issues/3/report")
        phone = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
        _shoot(phone, "phone", f"{base}/newsletters/explaining-ukraine")
        browser.close()


def _shoot(page: Page, name: str, url: str | None = None) -> None:
    if url:
        page.goto(url)
    page.screenshot(path=IMAGES / f"{name}.png")


def _sign_in(page: Page, running: Running, base: str) -> None:
    found = re.search(r"(\S+@\S+), password (\S+)", running.output)
    if found is None:
        raise SystemExit(f"no account was made:\n{running.output}")
    page.goto(f"{base}/desk")
    page.get_by_label("E-mail address").fill(found[1])
    page.get_by_label("Password").fill(found[2])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Today").wait_for()


def _write(page: Page, base: str) -> None:
    page.goto(f"{base}/desk/issues/new")
    page.get_by_role("combobox", name="Newsletter").select_option(label="Kyiv Dispatch")
    page.get_by_role("button", name="Begin").click()
    page.get_by_label("Subject").fill("The first cherries")
    page.get_by_label("Preheader").fill("They come in a bucket, and the bucket has a name on it.")
    page.get_by_role("textbox", name="Text").fill(DRAFT)
    page.get_by_text(re.compile("^Saved")).wait_for()
    page.frame_locator("iframe").get_by_text("Where they are from").wait_for()
    page.evaluate("window.scrollTo(0, 0)")
    _shoot(page, "editor")


if __name__ == "__main__":
    main()
