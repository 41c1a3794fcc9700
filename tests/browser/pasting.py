"""The code for other sites, as it is copied from the desk."""

import re
from html import unescape
from http.client import HTTPConnection
from urllib.parse import urlsplit

from tests.browser.live import Live


def read_desk(live: Live, path: str, session_cookie: str) -> str:
    """A page of the desk as an editor's browser gets it."""
    connection = HTTPConnection("localhost", urlsplit(live.url).port, timeout=60)
    connection.request("GET", path, headers={"Cookie": f"desk={session_cookie}"})
    page = connection.getresponse().read().decode()
    connection.close()
    return page


def pasted_codes(page: str) -> dict[str, str]:
    """The code of each way, as it is copied."""
    return {
        way: unescape(code) for way, code in re.findall(r'<code id="([^"]+)">(.*?)</code>', page, re.DOTALL)
    }
