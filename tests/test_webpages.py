"""The webpages source: annotator and offline answers alone, then our own pages in a real browser."""

import re
import shutil
import socket
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dlt.errors import DltError
from dlt.ingest.webpages import offline, write_dataset
from dlt.ingest.webpages.annotators.base import NoLabels
from dlt.ingest.webpages.annotators.elementor import Elementor
from dlt.ingest.webpages.browser import find_browser
from dlt.ingest.webpages.dom import Dom, DomNode, Rect
from dlt.ingest.webpages.hide_classes import hash_class, hide_classes
from dlt.ingest.webpages.offline import Folder, PageFault, open_folder
from dlt.ingest.webpages.sites import find_sites
from dlt.section.example import Example, find_examples, read_example
from dlt.section.labels import labels

PAGES = Path(__file__).parent / "pages"
SHARED = Path(__file__).parents[2] / "shared" / "pages"

needs_browser = pytest.mark.skipif(
    find_browser(None) is None, reason="no Chromium: install one or set DLT_BROWSER"
)

# --- the annotator, on snapshots -----------------------------------------------------------------

FULL: Rect = (0, 0, 1000, 400)
LEFT: Rect = (0, 0, 500, 400)
RIGHT: Rect = (500, 0, 500, 400)

Tree = tuple[DomNode, Sequence[Any]]


def node(
    kind: str = "",
    *below: Tree,
    tag: str = "div",
    rect: Rect = FULL,
    attrs: dict[str, str] | None = None,
) -> Tree:
    """A DOM node of an Elementor kind; `w_<widget>` is a widget, "" none of the builder's."""
    own = dict(attrs or {})
    if kind.startswith("w_"):
        own |= {"data-element_type": "widget", "data-widget_type": kind[2:] + ".default"}
    elif kind:
        own |= {"data-element_type": kind}
    return DomNode(tag, -1, own, "", rect), below


def dom(tree: Tree) -> Dom:
    nodes: list[DomNode] = []

    def add(tree: Tree, parent: int) -> None:
        own, below = tree
        nodes.append(DomNode(own.tag, parent, own.attrs, own.text, own.rect))
        index = len(nodes) - 1
        for child in below:
            add(child, index)

    add(tree, -1)
    return Dom(tuple(nodes))


def roles(tree: Tree) -> list[str]:
    return list(Elementor().label(dom(tree)).roles)


def heading() -> Tree:
    return node("w_heading", node("", node(tag="h2")))


def test_two_columns_make_the_inner_wrapper_a_grid() -> None:
    columns = [node("column", heading(), rect=rect) for rect in (LEFT, RIGHT)]
    column = ["column", "heading", "merge", "merge"]
    assert roles(node("section", node("", *columns))) == ["section", "grid", *column, *column]


def test_a_lone_column_merges_with_its_wrappers() -> None:
    tree = node("section", node("", node("column", node("", heading()))))
    assert roles(tree) == ["section", "merge", "merge", "merge", "heading", "merge", "merge"]


def test_inner_sections_are_grid_or_wrapper() -> None:
    columns = [node("column", heading(), rect=rect) for rect in (LEFT, RIGHT)]
    grid = node("section", node("", *columns))
    wrapper = node("section", node("", node("column", heading())))
    found = roles(node("section", node("", node("column", grid, wrapper))))
    assert found[:4] == ["section", "merge", "merge", "grid"]
    assert found[4:6] == ["merge", "column"]
    assert found[-6:] == ["wrapper", "merge", "merge", "heading", "merge", "merge"]


def test_nested_containers() -> None:
    stacked = [node("container", heading(), rect=(0, y, 1000, 100)) for y in (0, 100)]
    assert roles(node("container", node("", *stacked)))[:3] == ["section", "merge", "wrapper"]
    beside = [node("container", heading(), rect=rect) for rect in (LEFT, RIGHT)]
    assert roles(node("container", *beside))[:2] == ["section", "column"]
    assert roles(node("container", node("container", *beside)))[:3] == ["section", "grid", "column"]


def test_a_widget_merges_down_to_where_it_branches() -> None:
    items = [node("", node(tag="a"), tag="li") for _ in range(2)]
    tree = node("container", node("w_icon-list", node("", node("", *items, tag="ul"))))
    assert roles(tree) == ["section", "list", "merge", "merge", *["drop"] * 4]


def test_composite_widgets_become_a_wrapper_with_parts() -> None:
    icon = node("", node(tag="i"), attrs={"class": "elementor-icon-box-icon"})
    text = node("", node(tag="h3"), node(tag="p"), attrs={"class": "elementor-icon-box-content"})
    box = node("w_icon-box", node("", icon, text, attrs={"class": "elementor-icon-box-wrapper"}))
    parts = ["wrapper", "drop", "icon", "merge", "drop", "heading", "paragraph"]
    assert roles(node("container", box)) == ["section", *parts]


def test_a_composite_with_slides_beyond_its_box_fits_no_role() -> None:
    slides = [node(tag="p", rect=rect) for rect in ((0, 0, 900, 400), (1000, 0, 900, 400))]
    with pytest.raises(NoLabels, match="testimonial"):
        roles(node("container", node("w_testimonial", *slides), heading()))


def test_an_add_ons_widget_is_what_its_name_says() -> None:
    assert roles(node("container", node("w_acme-heading")))[1] == "heading"
    assert roles(node("container", node("w_jkit_icon_box", node(tag="h3"))))[1:] == [
        "wrapper",
        "heading",
    ]


def test_widgets_before_elementor_2_7() -> None:
    assert roles(node("section", node("heading.default")))[1] == "heading"


def test_spacers_are_dropped_and_little_of_no_role_is_let_pass() -> None:
    spacer = node("w_spacer", node())
    small = node("w_form", rect=(0, 0, 100, 100))
    assert roles(node("container", spacer, small, heading()))[1:4] == ["drop", "drop", "drop"]


def test_sections_of_widgets_that_no_role_fits_are_left_out() -> None:
    form = node("w_form", rect=(0, 0, 1000, 70))
    with pytest.raises(NoLabels, match="18% of it in widgets that no role fits .form."):
        roles(node("container", form, heading()))
    with pytest.raises(NoLabels, match="no element"):
        roles(node("container", node("w_spacer")))


def test_props() -> None:
    overlays = [node(attrs={"class": "elementor-background-overlay"}) for _ in range(2)]
    video = node(attrs={"class": "elementor-background-video-container"})
    settings = {"data-settings": '{"background_background": "slideshow"}'}
    found = Elementor().label(dom(node("section", video, *overlays, heading(), attrs=settings)))
    assert found.props[:4] == ("bi", "bv", "bo", "none")
    broken = Elementor().label(dom(node("section", heading(), attrs={"data-settings": "{"})))
    assert set(broken.props) == {"none"}


def test_sections_are_the_outermost_ones_outside_popups() -> None:
    inner = node("section", node("column", node("section")))
    popup = node("", node("section"), attrs={"data-elementor-type": "popup"})
    page = dom(node("", node("", inner), popup, node("container")))
    assert Elementor().sections(page) == [2, 7]
    assert Elementor().matches(page)
    assert not Elementor().matches(dom(node("", node(tag="p"))))


# --- class names ---------------------------------------------------------------------------------


def test_builder_classes_are_hidden_and_the_authors_stay() -> None:
    names = ("elementor-widget-heading", "our-title", "e-con", "wp-image-3", "element")
    hidden = hide_classes(names, Elementor.builder_classes, "shop")
    assert [name for name in hidden if name in names] == ["our-title", "element"]
    assert all(re.fullmatch(r"k[0-9a-z]{5}", hidden[i]) for i in (0, 2, 3))
    assert hash_class("e-con", "shop") == hidden[2] != hash_class("e-con", "another")


# --- sites and offline answers -------------------------------------------------------------------


def _write(path: Path, content: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    root = tmp_path.resolve() / "site"
    page = _write(root / "blog" / "index.html")
    _write(tmp_path / "secret.css")
    return Folder(root, page, frozenset({"shop.example"}))


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("http://page.invalid/blog/a.png", "blog/a.png"),
        ("https://shop.example/a.png", "a.png"),
        ("https://www.shop.example/a.png?ver=2", "a.png"),
        ("https://shop.example/a.png", "blog/a.png"),
        ("https://shop.example/a.css?ver=1", "a.css@ver=1"),
        ("https://shop.example/a.css?ver=1", "a.css?ver=1.css"),
        ("https://shop.example/a.css", "www.shop.example/a.css"),
        ("https://cdn.example/x/a.css", "cdn.example/x/a.css"),
        ("https://shop.example/about/", "about/index.html"),
        ("https://shop.example/about", "about/index.html"),
        ("https://shop.example/a%20b.png", "a b.png"),
    ],
)
def test_addresses_are_answered_from_the_folder(folder: Folder, address: str, name: str) -> None:
    path = _write(folder.root / name)
    assert folder.find(address) == path


@pytest.mark.parametrize(
    "address",
    [
        "http://page.invalid/../secret.css",
        "http://page.invalid/..%2fsecret.css",
        "http://page.invalid/%2e%2e/%2e%2e/secret.css",
        "http://page.invalid//secret.css",
        "http://page.invalid/blog/../../secret.css",
        "http://page.invalid/a%00.png",
        "http://page.invalid/" + "a" * 5000,
        "http://page.invalid/link.css",
        "http://page.invalid/linked/secret.css",
        "file:///secret.css",
        "http://[broken/a.png",
        "https://elsewhere.example/a.png",
    ],
)
def test_nothing_outside_the_folder_is_ever_answered(folder: Folder, address: str) -> None:
    _write(folder.root / "a.png")
    (folder.root / "link.css").symlink_to(folder.root.parent / "secret.css")
    (folder.root / "linked").symlink_to(folder.root.parent)
    assert folder.find(address) is None


def test_a_page_names_its_own_hosts(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    _write(root / "media" / "a.png")
    html = '<html><link rel="canonical" href="https://www.shop.example/x"><img src="//cdn.example/'
    page = _write(root / "index.html", html + 'media/a.png"><img src="//far.example/b/a.png">')
    assert open_folder(root, page).hosts == {"shop.example", "cdn.example"}
    with pytest.raises(PageFault, match="not an HTML page"):
        open_folder(root, _write(root / "feed.html", '<?xml version="1.0"?><rss></rss>'))


def test_a_page_of_addresses_is_not_looked_up_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path.resolve()
    _write(root / "media" / "a.png")
    html = '<html><img src="//{}.example/media/a.png"><img src="//{}.example/media/a.png">'
    page = _write(root / "index.html", html.format("one", "two"))
    assert open_folder(root, page).hosts == {"one.example", "two.example"}
    monkeypatch.setattr(offline, "MAX_ADDRESSES", 1)
    assert open_folder(root, page).hosts == {"one.example"}


def _zip(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "<html>")
    return path


def test_sites_are_folders_and_zips(tmp_path: Path) -> None:
    pages, scratch = tmp_path / "pages", tmp_path / "scratch"
    scratch.mkdir()
    _write(pages / "one" / "deep" / "index.html")
    _write(pages / "shop.example" / "index.html")
    _write(pages / "empty" / "notes.txt")
    _zip(pages / "two.zip", "index.html", "about/a.htm", "style.css")
    sites = {site.name: site for site in find_sites(pages, scratch)}
    assert {name: len(site.pages) for name, site in sites.items()} == {
        "one": 1,
        "shop-example": 1,
        "two": 2,
    }
    assert sites["one"].root == pages.resolve() / "one"
    assert sites["shop-example"].root == pages.resolve()
    assert [site.name for site in find_sites(pages / "one" / "deep", scratch)] == ["deep"]


def test_pages_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    bad = _zip(tmp_path / "bad.zip", "../index.html")
    for path, fault in ((bad, "bad.zip"), (tmp_path / "none", "no such"), (PAGES.parent, None)):
        scratch = tmp_path / f"scratch-{path.name}"
        scratch.mkdir()
        if fault:
            with pytest.raises(DltError, match=fault):
                find_sites(path, scratch)
    assert not (tmp_path / "index.html").exists()


def test_unknown_annotators_and_browsers_are_named(tmp_path: Path) -> None:
    for annotator, browser, fault in (
        ("frontpage", None, "frontpage.*known: elementor"),
        ("elementor", "no-such-browser", "no-such-browser.*install"),
    ):
        with pytest.raises(DltError, match=fault):
            _run(tmp_path / "out", PAGES, annotator=annotator, browser=browser)
    assert find_browser("no-such-browser") is None


# --- in the browser ------------------------------------------------------------------------------

LAMP, WORKSHOP, BACKDROP = (200, 30, 30), (30, 160, 40), (20, 40, 180)


def _run(root: Path, pages: Path, **options: Any) -> list[Example]:
    settings: dict[str, Any] = {
        "annotator": "elementor",
        "viewport": 1280,
        "hide_builder_classes": True,
        "browser": None,
        "limit": None,
    }
    write_dataset(root, pages, **settings | options)
    return [read_example(path) for paths in find_examples(root).values() for path in paths]


def _shop(target: Path) -> Path:
    shutil.copytree(PAGES / "shop", target)
    uploads = target / "wp-content" / "uploads"
    uploads.mkdir(parents=True)
    for name, colour in (("lamp", LAMP), ("workshop", WORKSHOP), ("backdrop", BACKDROP)):
        Image.new("RGB", (60, 30), colour).save(uploads / f"{name}.png")
    return target


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    _run(folder / "out", _shop(folder / "shop"))
    return folder / "out"


def _with_text(root: Path, text: str) -> Example:
    found = (read_example(path) for path in sorted(root.iterdir()))
    return next(e for e in found if any(text in node.text for node in e.structure.nodes))


def _element(example: Example, role: str) -> tuple[float, float, float, float]:
    assert example.layout and example.layout.boxes
    found = [element.role for element in example.layout.elements].index(role)
    return example.layout.boxes[found]


def _about(colour: tuple[int, ...]) -> Any:
    """A colour as a palette of 256 may show it."""
    return pytest.approx(colour, abs=8)


def _colour(root: Path, example: Example, role: str) -> tuple[int, ...]:
    """The colour in the middle of the first element with that role."""
    x, y, w, h = _element(example, role)
    with Image.open(root / example.name / "screenshot.png") as picture:
        at = int((x + w / 2) * picture.width), int((y + h / 2) * picture.height)
        colour = picture.convert("RGB").getpixel(at)
    assert isinstance(colour, tuple)
    return colour


@needs_browser
def test_a_page_becomes_examples(rendered: Path) -> None:
    examples = [read_example(path) for path in sorted(rendered.iterdir())]
    assert len(examples) == 3  # the form is left out, the popup is none, the bar comes once
    for example in examples:
        assert example.layout and example.layout.boxes
        labels(example.structure, example.layout)
        assert list(example.layout.boxes[0]) == [0, 0, 1, 1]
        with Image.open(rendered / example.name / "screenshot.png") as picture:
            assert picture.width == 640
    hero = _with_text(rendered, "Lamps")
    assert dict(hero.meta) == {
        "format": 1,
        "site": "shop",
        "page": "index.html",
        "builder": "elementor",
        "source": "webpages",
        "viewport": 1280,
    }
    assert hero.layout
    assert [(element.role, element.parent) for element in hero.layout.elements] == [
        ("section", -1),
        ("grid", 0),
        ("column", 1),
        ("heading", 2),
        ("paragraph", 2),
        ("column", 1),
        ("image", 5),
    ]
    assert set(hero.layout.props) == {"bi", "bo"}
    x, _, w, _ = _element(hero, "grid")
    assert (x, w) == pytest.approx((40 / 1280, 1200 / 1280), abs=1e-4)


@needs_browser
def test_pictures_are_shown_lazy_ones_and_animated_ones_too(rendered: Path) -> None:
    hero = _with_text(rendered, "Lamps")
    assert _colour(rendered, hero, "image") == _about(LAMP)  # lazy, at an absolute address
    assert _colour(rendered, _with_text(rendered, "Repairs"), "image") == _about(WORKSHOP)


@needs_browser
def test_floating_bars_and_popups_cover_nothing(rendered: Path) -> None:
    for path in rendered.iterdir():
        with Image.open(path / "screenshot.png") as picture:
            colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 20) or []}
        assert (255, 0, 255) not in colours
        assert ((255, 204, 0) in colours) == ("Home" in (path / "structure.json").read_text())


@needs_browser
def test_the_input_does_not_give_the_answer_away(rendered: Path) -> None:
    texts = [(path / "structure.json").read_text() for path in rendered.iterdir()]
    assert not [text for text in texts if re.search("elementor|e-con|wp-image|data-|data:", text)]
    assert any("our-title" in text for text in texts)
    assert any('"src": "wp-content/uploads/lamp.png", "alt": "A lamp"' in text for text in texts)


@needs_browser
def test_a_zip_gives_the_same_bytes_and_the_limit_holds(rendered: Path, tmp_path: Path) -> None:
    shop = _shop(tmp_path / "shop")
    shutil.make_archive(str(tmp_path / "zipped" / "shop"), "zip", shop)
    examples = _run(tmp_path / "out", tmp_path / "zipped", limit=2)
    assert len(examples) == 2
    for path in (tmp_path / "out").rglob("*.*"):
        if path.is_file():
            twin = rendered / path.relative_to(tmp_path / "out")
            assert path.read_bytes() == twin.read_bytes()


@needs_browser
def test_a_page_reaches_no_network(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        at = f"http://127.0.0.1:{server.getsockname()[1]}"
        html = (PAGES / "shop" / "index.html").read_text(encoding="utf-8")
        asking = (
            f'<link rel="preconnect" href="{at}"><link rel="dns-prefetch" href="{at}">'
            f'<link rel="prefetch" href="{at}/p"><link rel="preload" as="image" href="{at}/l">'
            f'<link rel="stylesheet" href="{at}/s.css"><style>@import "{at}/i.css";'
            f"@font-face{{font-family:f;src:url({at}/f.woff)}} body{{font-family:f;"
            f"background:url({at}/b.png)}}</style>"
            f'<meta http-equiv="refresh" content="0;url={at}/r"><img src="{at}/i.png">'
            f'<iframe src="{at}/if"></iframe><video poster="{at}/v.png" src="{at}/v.mp4"></video>'
            f'<object data="{at}/o"></object><embed src="{at}/e"><script src="{at}/x.js"></script>'
            f'<script>fetch("{at}/f"); new WebSocket("ws" + "{at}".slice(4)); '
            f'navigator.sendBeacon("{at}/b"); new Image().src = "{at}/j"</script>'
        )
        page = html.replace("<body class", asking + "<body class")
        _write(tmp_path / "hostile" / "index.html", page)
        assert _run(tmp_path / "out", tmp_path / "hostile")
        with pytest.raises(BlockingIOError):
            server.accept()


@needs_browser
def test_pages_of_another_builder_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(tmp_path / "plain" / "index.html", "<!doctype html><p>Nothing to see")
    _write(tmp_path / "plain" / "void.html", "<!doctype html>")
    _write(tmp_path / "plain" / "wipe\x1b[2J.html", "<!doctype html>")
    with pytest.raises(DltError, match="not one section; first plain/index.html.*no section reco"):
        _run(tmp_path / "out", tmp_path / "plain")
    said = capsys.readouterr().out
    assert "plain/void.html: skipped: it renders to nothing" in said
    assert "plain/wipe\\x1b[2J.html: skipped: it renders to nothing" in said


@needs_browser
@pytest.mark.skipif(not SHARED.exists(), reason="no saved pages beside the repository")
def test_saved_pages_of_a_real_site(tmp_path: Path) -> None:
    examples = _run(tmp_path / "out", SHARED / "elementor-2.zip")
    assert len(examples) == 8
