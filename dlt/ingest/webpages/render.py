"""One saved page in the browser: loaded offline, brought to rest, read once, photographed."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser, BrowserContext, Error, FloatRect, Page

from dlt.errors import first_line
from dlt.ingest.webpages.dom import Dom, Rect, dom_from_rows
from dlt.ingest.webpages.offline import Folder, PageFault, answer_offline

SCREENSHOT_WIDTH = 640
COLOURS = 256
MAX_DOM_NODES = 20_000

VIEWPORT_HEIGHT = 800
LOAD_TIMEOUT = 20.0  # seconds
REST_TIMEOUT = 4.0
CLOSE_TIMEOUT = 5.0

_HERE = Path(__file__).parent
_PREPARE = (_HERE / "prepare.js").read_text(encoding="utf-8")
_SNAPSHOT = (_HERE / "snapshot.js").read_text(encoding="utf-8")
_AT_REST = """() => document.body.offsetHeight >= 0 && document.fonts.status === "loaded" &&
  Array.from(document.images).every((image) => image.complete)"""


@asynccontextmanager
async def open_page(browser: Browser, folder: Folder, viewport: int) -> AsyncIterator[Page]:
    """A saved page, loaded and at rest, in a context of its own. Scripts do not run.

    Raises:
        PageFault: the browser can't load it.
    """
    context = await browser.new_context(
        viewport={"width": viewport, "height": VIEWPORT_HEIGHT},
        java_script_enabled=False,
        service_workers="block",
        accept_downloads=False,
        reduced_motion="reduce",
        locale="en-US",
        timezone_id="UTC",
    )
    try:
        page = await context.new_page()
        await answer_offline(page, folder)
        try:
            await page.goto(folder.address, timeout=1000 * LOAD_TIMEOUT)
        except Error as error:
            raise PageFault(first_line(error)) from None
        await page.evaluate(_PREPARE)
        await _rest(page)
        yield page
    finally:
        await _close(context)


async def read_dom(page: Page) -> Dom:
    """The DOM of a page at rest.

    Raises:
        PageFault: it has too many nodes, or renders to nothing.
    """
    rows = await page.evaluate(_SNAPSHOT, MAX_DOM_NODES)
    if rows is None:
        raise PageFault(f"more than {MAX_DOM_NODES:,} nodes")
    dom = dom_from_rows(rows)
    if len(dom) == 0 or not any(node.visible and node.area for node in dom.nodes[1:]):
        raise PageFault("it renders to nothing")
    return dom


async def take_screenshot(page: Page, rect: Rect) -> bytes | None:
    """A part of the page as PNG bytes, SCREENSHOT_WIDTH px wide, in at most COLOURS colours.

    None where it shows nothing but one colour.
    """
    clip = FloatRect(x=rect[0], y=rect[1], width=rect[2], height=rect[3])
    taken = await page.screenshot(clip=clip, full_page=True, timeout=1000 * LOAD_TIMEOUT)
    with Image.open(io.BytesIO(taken)) as picture:
        size = SCREENSHOT_WIDTH, max(round(SCREENSHOT_WIDTH * rect[3] / rect[2]), 1)
        seen = picture.convert("RGB")
    if seen.getcolors(maxcolors=1):
        return None
    small = seen.resize(size, Image.Resampling.LANCZOS).quantize(COLOURS)
    out = io.BytesIO()
    small.save(out, "PNG")
    return out.getvalue()


async def _rest(page: Page) -> None:
    """Wait until pictures and fonts are there, but no longer than REST_TIMEOUT."""
    with suppress(TimeoutError):
        async with asyncio.timeout(REST_TIMEOUT):
            while not await page.evaluate(_AT_REST):
                await asyncio.sleep(0.05)


async def _close(context: BrowserContext) -> None:
    with suppress(TimeoutError, Error):
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await context.close()
