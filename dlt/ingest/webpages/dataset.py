"""The webpages source: every saved page, section by section, as example folders."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from playwright.async_api import Browser, Error
from tqdm import tqdm

from dlt.errors import DltError, first_line
from dlt.ingest.webpages.annotators import get_annotator
from dlt.ingest.webpages.annotators.base import Annotator, NoLabels
from dlt.ingest.webpages.browser import launch, require_browser
from dlt.ingest.webpages.dom import Dom
from dlt.ingest.webpages.hide_classes import hide_classes
from dlt.ingest.webpages.offline import Folder, PageFault, open_folder
from dlt.ingest.webpages.render import open_page, read_dom, take_screenshot
from dlt.ingest.webpages.sections import Naming, Section, cut_section
from dlt.ingest.webpages.sites import Site, find_sites
from dlt.process import cores, printable
from dlt.section.example import Example, write_example

PAGE_TIMEOUT = 60.0  # seconds for one page, all its screenshots included
MAX_PAGES_AT_ONCE = 8
MET_BEFORE = "met before"


@dataclass(frozen=True)
class _Options:
    annotator: Annotator
    viewport: int
    hide_builder_classes: bool


@dataclass
class _Outcome:
    """What came of one page: sections with their screenshots, and why there are no more."""

    sections: list[tuple[Section, bytes]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    fault: str = ""


def write_dataset(
    root: Path,
    pages: Path,
    *,
    annotator: str,
    viewport: int,
    hide_builder_classes: bool,
    browser: str | None,
    limit: int | None,
) -> None:
    """Write the sections of saved pages as example folders into `root`, at most `limit` of them.

    `pages` is a folder of saved pages, a zip of one, or a folder of such folders and zips, each a
    site. Sections that repeat within a site (headers, footers) are written once. What becomes of
    each page is printed, one line a page.

    Raises:
        DltError: no pages, no browser, an unknown annotator, or not one section came out.
    """
    options = _Options(get_annotator(annotator), viewport, hide_builder_classes)
    executable = require_browser(browser)
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="dlt-pages-") as scratch:
        sites = find_sites(pages, Path(scratch))
        writer = _Writer(root, options, limit)
        asyncio.run(_render_all(sites, executable, options, writer))
    if not writer.written:
        raise DltError(f"ingest.webpages.path: {pages}: not one section; first {writer.first_line}")


class _Writer:
    """Writes examples in the order of the pages, each section of a site once."""

    def __init__(self, root: Path, options: _Options, limit: int | None) -> None:
        self.root = root
        self.options = options
        self.limit = limit
        self.written: set[str] = set()
        self.first_line = ""

    @property
    def full(self) -> bool:
        """Whether there are as many examples as may be."""
        return self.limit is not None and len(self.written) >= self.limit

    def name(self, site: Site, section: Section) -> str:
        """The name of the example that a section becomes."""
        return f"{site.name}_{section.digest}"

    def take(self, site: Site, page: str, outcome: _Outcome) -> None:
        """Write what came of a page, and print its line."""
        count = 0
        for section, screenshot in outcome.sections:
            name = self.name(site, section)
            if name in self.written:
                outcome.left_out[MET_BEFORE] += 1
            elif not self.full:
                example = Example(name, section.structure, section.layout, self._meta(site, page))
                write_example(self.root / name, example, screenshot)
                self.written.add(name)
                count += 1
        line = f"{site.name}/{page}: {outcome.fault or _summary(count, outcome.left_out)}"
        self.first_line = self.first_line or line
        tqdm.write(printable(line))

    def _meta(self, site: Site, page: str) -> dict[str, object]:
        return {
            "format": 1,
            "site": site.name,
            "page": page,
            "builder": self.options.annotator.name,
            "source": "webpages",
            "viewport": self.options.viewport,
        }


async def _render_all(
    sites: Sequence[Site], executable: str, options: _Options, writer: _Writer
) -> None:
    at_once = min(cores(), MAX_PAGES_AT_ONCE)
    batches = [
        (site, site.pages[start : start + at_once])
        for site in sites
        for start in range(0, len(site.pages), at_once)
    ]
    total = sum(len(site.pages) for site in sites)
    with tqdm(total=total, desc="pages", unit="", disable=None, leave=False) as bar:
        while batches and not writer.full:
            async with launch(executable) as browser:  # again, where a page took it down
                while batches and not writer.full and browser.is_connected():
                    site, pages = batches.pop(0)
                    jobs = (_render(browser, site, page, options, writer) for page in pages)
                    for page, outcome in zip(pages, await asyncio.gather(*jobs), strict=True):
                        writer.take(site, page.relative_to(site.root).as_posix(), outcome)
                    bar.update(len(pages))


async def _render(
    browser: Browser, site: Site, page: Path, options: _Options, writer: _Writer
) -> _Outcome:
    outcome = _Outcome()
    try:
        async with asyncio.timeout(PAGE_TIMEOUT):
            await _collect(browser, site, page, options, writer, outcome)
    except TimeoutError:
        outcome.fault = f"skipped: not done within {PAGE_TIMEOUT:.0f} s"
    except PageFault as fault:
        outcome.fault = f"skipped: {fault}"
    except Error as error:
        outcome.fault = f"skipped: the browser failed: {first_line(error)}"
    return outcome


async def _collect(
    browser: Browser,
    site: Site,
    page: Path,
    options: _Options,
    writer: _Writer,
    outcome: _Outcome,
) -> None:
    folder = open_folder(site.root, page)
    naming = _naming(site, folder, options)
    async with open_page(browser, folder, options.viewport) as rendered:
        dom = await read_dom(rendered)
        for root in _roots(dom, options.annotator):
            try:
                section = cut_section(dom, root, options.annotator, naming, options.viewport)
            except NoLabels as reason:
                outcome.left_out[str(reason)] += 1
                continue
            if writer.name(site, section) in writer.written:
                outcome.left_out[MET_BEFORE] += 1
                continue
            screenshot = await take_screenshot(rendered, section.rect)
            if screenshot is None:
                outcome.left_out["it shows one colour only"] += 1
            else:
                outcome.sections.append((section, screenshot))


def _summary(count: int, left_out: Counter[str]) -> str:
    reasons = "; ".join(f"{times} × {reason}" for reason, times in left_out.items())
    return f"{count} sections" + (f", left out: {reasons}" if reasons else "")


def _roots(dom: Dom, annotator: Annotator) -> list[int]:
    if not annotator.matches(dom):
        raise PageFault(f"no section recognised: nothing on it was made with {annotator.name}")
    roots = annotator.sections(dom)
    if not roots:
        raise PageFault(f"no section recognised: {annotator.name} elements, but no section of them")
    return roots


def _naming(site: Site, folder: Folder, options: _Options) -> Naming:
    written = options.annotator.builder_classes
    hidden = partial(hide_classes, written=written, site=site.name)
    return Naming(hidden if options.hide_builder_classes else tuple, folder.relative)
