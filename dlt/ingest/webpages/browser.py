"""Finding the Chromium that renders pages, and starting it cut off from every network."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from playwright.async_api import Browser, Error, async_playwright
from playwright.sync_api import sync_playwright

from dlt.errors import DltError, first_line

VARIABLE = "DLT_BROWSER"
NAMES = ("chromium", "google-chrome")
CLOSE_TIMEOUT = 10.0  # seconds

_FLAGS = (
    # requests are answered by the route handler; what goes round it (preconnect, DNS, the browser's
    # own services) meets a resolver that knows no host and a proxy that is not there
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--proxy-server=http://127.0.0.1:9",
    "--proxy-bypass-list=<-loopback>",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--no-pings",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    # the same pixels on every machine
    "--disable-gpu",
    "--disable-lcd-text",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
)


def find_browser(browser: str | None) -> str | None:
    """Path of the Chromium to render with, or None where there is none.

    `browser` itself where given, else what DLT_BROWSER names, else `chromium` or `google-chrome` on
    PATH, else the one that Playwright has installed.
    """
    named = browser or os.environ.get(VARIABLE)
    if named:
        return shutil.which(named)
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    return found or _playwright_browser()


def _playwright_browser() -> str | None:
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).is_file() else None


def require_browser(browser: str | None) -> str:
    """The same, as a fault where there is none.

    Raises:
        DltError: no browser; the line says what to do.
    """
    found = find_browser(browser)
    if found:
        return found
    named = browser or os.environ.get(VARIABLE)
    field = "ingest.webpages.browser" if browser else VARIABLE
    fault = f"{field}: {named!r} is no program" if named else "no Chromium found"
    raise DltError(
        f"{fault}; install one (`apt-get install chromium` or `playwright install chromium`) "
        f"or name it with ingest.webpages.browser or {VARIABLE}"
    )


@asynccontextmanager
async def launch(executable: str) -> AsyncIterator[Browser]:
    """A headless Chromium without a network, ended on leaving.

    Raises:
        DltError: it does not start.
    """
    # Chromium's sandbox refuses to run as root
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    flags = [*_FLAGS, *(["--no-sandbox"] if root else [])]
    async with async_playwright() as playwright:
        try:
            browser = await playwright.chromium.launch(
                executable_path=executable, headless=True, args=flags, chromium_sandbox=not root
            )
        except Error as error:
            reason = first_line(error)
            raise DltError(f"{executable}: the browser does not start: {reason}") from None
        try:
            yield browser
        finally:
            with suppress(TimeoutError, Error):
                async with asyncio.timeout(CLOSE_TIMEOUT):
                    await browser.close()
