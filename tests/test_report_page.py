"""The report in a real browser: it opens offline, can be used without a mouse, and hides no fault."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from dlt.evaluate.error_analysis import analyse
from dlt.evaluate.errors import section_errors
from dlt.evaluate.metrics import Pair, section_score
from dlt.evaluate.page import Report, write_page
from dlt.evaluate.predictions import AGAINST, TEST, VAL, Key, Source
from dlt.evaluate.stage import (
    calibration_rows,
    calibrations,
    reliability_rows,
    summarise,
    table_rows,
)
from dlt.evaluate.teds import placed_elements
from dlt.ingest.webpages.browser import find_browser
from dlt.params import Evaluate, Sample
from dlt.readiness import check_readiness
from dlt.section.example import Example
from dlt.section.labels import Labels, contract
from dlt.section.tree import Box, Node, Structure

ROOT = Path(__file__).parents[1]
AXE = ROOT / ".tools" / "node_modules" / "axe-core" / "axe.min.js"
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'"
PHONE, DESK = ViewportSize(width=360, height=800), ViewportSize(width=1280, height=900)

STRUCTURE = Structure(
    (
        Node("section.hero", -1),
        Node("h2.title", 0, f"A heading {HOSTILE}"),
        Node("p", 0, "کلمات"),
        Node("div", 0),
        Node("img", 3),
    )
)
NO_PROPS = ("none",) * 5
FULL: Box = (0.0, 0.0, 1.0, 1.0)
BOXES: tuple[Box | None, ...] = (FULL, (0.1, 0.1, 0.5, 0.2), (0.1, 0.4, 0.5, 0.3), None, None)
TRUTH = Labels(("section", "heading", "paragraph", "drop", "drop"), NO_PROPS, BOXES)
WRONG = Labels(
    ("section", "paragraph", "merge", "drop", "drop"), NO_PROPS, (*BOXES[:2], None, None, None)
)
MORE = Labels(
    ("section", "heading", "paragraph", "wrapper", "image"),
    ("bi", *NO_PROPS[1:]),
    (*BOXES[:3], (0.6, 0.1, 0.4, 0.8), (0.7, 0.2, 0.2, 0.2)),
)
PREDICTED = {"right": TRUTH, "half": WRONG, f"odd {HOSTILE}": MORE}
FACTS = {
    "phase": "phase1",
    "model": {"d_model": 32},
    "train": {"lr": 0.001},
}


def pairs(labels: dict[str, Labels]) -> list[Pair]:
    sites = ("x", "y", HOSTILE)
    return [
        Pair(name, site, STRUCTURE, TRUTH, given, (0.9,) * len(placed_elements(STRUCTURE, given)))
        for site, (name, given) in zip(sites, labels.items(), strict=True)
    ]


def screenshot() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (640, 320), (90, 140, 200)).save(file, "png")
    return file.getvalue()


def make_report(gallery: int = 2) -> Report:
    """A report with every part that can be in one."""
    perfect = pairs(dict.fromkeys(PREDICTED, TRUTH))
    predictions: dict[Key, list[Pair]] = {TEST: pairs(PREDICTED), VAL: perfect}
    others = [("baselines", "nearest"), AGAINST, ("robustness", "jpeg_noise")]
    others += [("ablations", "no_texts"), ("steps", "1"), ("steps", "4")]
    predictions |= dict.fromkeys(others, perfect)
    scores = {key: [section_score(pair) for pair in own] for key, own in predictions.items()}
    evaluation = summarise(scores) | {"calibration": calibration_rows(calibrations(predictions))}
    open_to_all: dict[str, Any] = {
        "sections": 3,
        "same_nodes": 0.5,
        "layout_accuracy": 0.7,
        "box_iou": 0.6,
    }
    more_tables: dict[str, list[dict[str, Any]]] = {
        "calibration": reliability_rows(calibrations(predictions)),
        "conditioning": [
            {"name": "nothing", "node_accuracy": 0.5, **open_to_all},
            {"name": "roles", "node_accuracy": None, **open_to_all},
        ],
    }
    performance: dict[str, Any] = {
        "seconds_per_sample": 0.02,
        "seconds_per_sample_p95": 0.03,
        "memory_gb": 1.0,
        "steps": [{"steps": 1, "milliseconds": 9.5}, {"steps": 4, "milliseconds": 20.0}],
        "run": [{"hardware": "2 cores", "torch": "2", "revision": "abc"}],
    }
    kinds = {"right": "hero"}
    return Report(
        evaluation=evaluation,
        performance=performance,
        readiness=check_readiness(evaluation, performance, ROOT / "production_requirements.yaml"),
        analysis=analyse(
            predictions[TEST], scores[TEST], [section_errors(p) for p in predictions[TEST]]
        ),
        tables=table_rows(predictions[TEST], scores, kinds) | more_tables,
        predictions=predictions,
        scores=scores,
        kinds=kinds,
        config=FACTS,
        params=Evaluate(
            gallery=gallery,
            batch_size=2,
            trained_baselines=False,
            against=f"other {HOSTILE}",
            conditioning=True,
            robustness=True,
            ablations=True,
        ),
        settings=Sample(),
        data_hash="0" * 64,
    )


def write(folder: Path, report: Report) -> Path:
    log = folder / "log" / "plots" / "metrics" / "val"
    log.mkdir(parents=True)
    (log / "layout_accuracy.tsv").write_text("step\tlayout_accuracy\n1\t0.2\n3\t0.5\n")
    (folder / "data" / "right").mkdir(parents=True)
    source = Source(
        model=folder,
        test=lambda: [
            (Example(name, STRUCTURE, contract(STRUCTURE, TRUTH)), screenshot())
            for name in PREDICTED
        ],
        log=folder / "log",
        folders=folder / "data",
    )
    write_page(folder / "plots" / "report.html", report, source)
    return folder / "plots" / "report.html"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("report"), make_report())


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = find_browser(None)
    if not executable:
        pytest.skip("no Chromium here")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def page(browser: Browser, report: Path) -> Iterator[Page]:
    """The report, opened; what it says on the console or asks of the network fails the test."""
    opened = browser.new_page(viewport=DESK)
    faults: list[str] = []
    opened.on("console", lambda message: faults.append(message.text))
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("dialog", lambda dialog: faults.append(dialog.message))
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(report.as_uri())
    yield opened
    assert faults == []
    assert [url for url in asked if not url.startswith("data:")] == [report.as_uri()]
    opened.close()


def test_it_tells_what_was_asked_for(page: Page) -> None:
    headings = page.locator("h1, h2").all_inner_texts()
    assert headings[0].startswith("Not ready for production")
    for part in (
        "Metrics",
        "Errors",
        "Gallery",
        "Compared with others",
        "Calibration",
        "With a part of the answer given",
        "Robustness",
        "Ablations",
        "Training",
        "Run",
    ):
        assert part in headings
    said = page.locator("main").inner_text()
    assert "75-80 %" in said and "not measured here" in said
    assert "0" * 64 in said and "model.d_model" in said


def test_what_comes_from_data_is_text(page: Page) -> None:
    assert page.locator("main script").count() == 0
    assert page.locator("img:not([alt])").count() == 0
    assert page.locator("img[src=x]").count() == 0
    assert f"odd {HOSTILE}" in page.locator("#cards h3").all_text_contents()


@pytest.mark.parametrize("size", [DESK, PHONE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_the_screen_in_light_and_dark(
    browser: Browser, report: Path, size: Any, scheme: Any
) -> None:
    opened = browser.new_page(viewport=size, color_scheme=scheme)
    opened.goto(report.as_uri())
    assert opened.evaluate("document.documentElement.scrollWidth") <= size["width"]
    ground = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(245, 246, 248)") == (scheme == "light")
    opened.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault(browser: Browser, report: Path, scheme: Any) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not here; `make test` fetches it with npm")
    opened = browser.new_page(viewport=PHONE, color_scheme=scheme, bypass_csp=True)
    opened.goto(report.as_uri())
    opened.add_style_tag(content=".card { content-visibility: visible !important }")
    opened.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    opened.evaluate(AXE.read_text(encoding="utf-8"))
    found = opened.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
    assert [f"{fault['id']}: {fault['nodes'][0]['html']}" for fault in found] == []
    opened.close()


def test_it_can_be_used_with_the_keyboard(page: Page) -> None:
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Skip to the content"
    card = page.locator("#cards .card").first
    chip = card.locator(".chip[data-layer=truth]")
    boxes = card.locator("rect.truth")
    assert boxes.count() == 3 and not boxes.first.is_visible()
    chip.focus()
    page.keyboard.press("Space")
    assert chip.get_attribute("aria-pressed") == "true" and boxes.first.is_visible()
    card.locator(".chip[data-role=heading]").press("Enter")
    assert (
        boxes.first.is_visible() and not card.locator("rect.truth[data-role=heading]").is_visible()
    )


def test_the_gallery_is_ordered_and_filtered(page: Page) -> None:
    def shown() -> list[str]:
        return page.locator("#cards .card:visible h3").all_text_contents()

    worst_first = shown()
    assert len(worst_first) == 3 and worst_first[-1] == "right"
    page.select_option("#order", "best")
    assert shown() == worst_first[::-1]
    page.select_option("#class", "invented")
    assert shown() == [f"odd {HOSTILE}"]
    assert page.locator("#count").inner_text() == "1 section"


def test_a_theme_is_chosen_and_examples_are_linked(page: Page) -> None:
    button = page.get_by_role("button", name="Theme")
    button.click()
    button.click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    link = page.locator("#cards h3 a")
    assert link.get_attribute("href") == "../data/right/"


def test_models_that_differ_are_shown_side_by_side(page: Page) -> None:
    cards = page.locator("#comparison .card")
    assert cards.count() == 2  # the other model is perfect: the model loses twice and never wins
    assert cards.first.locator(".tree").count() == 3


def test_a_report_without_gallery_is_small(tmp_path: Path) -> None:
    text = write(tmp_path, make_report(gallery=0)).read_text(encoding="utf-8")
    assert len(text) < 200_000
    assert "data:image" not in text and "evaluate.gallery" in text
