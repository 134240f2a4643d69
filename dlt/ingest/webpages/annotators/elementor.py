"""Elementor: `data-element_type` and `data-widget_type` keep what the page's author chose.

Where a choice had to be made: the top section or container is the section. Its inner wrapper is a
grid where it holds two or more columns side by side, else it merges into the section, and so does a
lone column. Inner sections and nested containers are a grid (columns side by side) or a wrapper. A
widget's wrappers merge into its element down to where the tree branches; what lies below is
dropped. Icon boxes and their like are a wrapper with heading, paragraph, image, icon, button and
list inside. Spacers are dropped. A section with more than `MAX_UNFIT` of its area in widgets that
no role fits is left out.
"""

import json
import re

from dlt.ingest.webpages.annotators.base import NoLabels
from dlt.ingest.webpages.dom import Dom, DomNode, Rect, walk
from dlt.section.labels import Labels
from dlt.section.roles import DROP, MERGE, NO_PROP, ROLES, ROOT_ROLE

MAX_UNFIT = 0.15  # share of the section's area

_HOLDERS = ("section", "column", "container")
_WIDGET = "widget"
_COMPOSITE = "wrapper"

_ROLE_OF_WIDGET = {
    widget: role
    for role, widgets in {
        "heading": "heading animated-headline theme-post-title theme-page-title theme-archive-title "
        "theme-site-title page-title site-title",
        "paragraph": "text-editor text-path theme-post-excerpt copyright blockquote alert",
        "button": "button paypal-button stripe-button",
        "icon": "icon",
        "image": "image theme-site-logo theme-post-featured-image site-logo retina",
        "list": "icon-list nav-menu navigation-menu mega-menu price-list wp-widget-nav_menu "
        "wp-widget-pages wp-widget-categories",
        "map": "google_maps google-maps",
        "counter": "counter",
        "divider": "divider",
        "video": "video",
        "carousel": "image-carousel media-carousel testimonial-carousel nested-carousel "
        "loop-carousel slides reviews",
        "accordion": "accordion toggle nested-accordion",
        "tab": "tabs nested-tabs",
        "social": "social-icons share-buttons",
        "gallery": "image-gallery gallery",
        DROP: "spacer menu-anchor",
        _COMPOSITE: "icon-box image-box info-box testimonial call-to-action flip-box price-table",
    }.items()
    for widget in widgets.split()
}

_PROP_OF_CLASS = {
    "elementor-background-overlay": "bo",
    "elementor-background-video-container": "bv",
}

_PART_OF_TAG = {
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), "heading"),
    **dict.fromkeys(("figure", "picture", "img"), "image"),
    **dict.fromkeys(("i", "svg"), "icon"),
    **dict.fromkeys(("ul", "ol"), "list"),
    "p": "paragraph",
    "button": "button",
}
_PART_OF_CLASS = (
    (re.compile(r"elementor-(icon-box-icon|icon-wrapper|icon)$"), "icon"),
    (re.compile(r"elementor-(image-box-img|testimonial-image)$"), "image"),
    (re.compile(r"elementor-.*[-_](title|name|heading)$"), "heading"),
    (
        re.compile(r"elementor-.*[-_](description|testimonial-content|job|subheading|price)$"),
        "paragraph",
    ),
    (re.compile(r"elementor-button$"), "button"),
)
_BACK_SIDE = "elementor-flip-box__back"


class Elementor:
    """The annotator of Elementor's markup, sections and columns as well as flexbox containers."""

    name = "elementor"
    builder_classes = re.compile(
        r"elementor|e-|eicon|swiper|wp-|attachment-|size-|fa[bsrldt]?(-|$)|hfe-|ekit-|lazy|animated$"
    )

    def matches(self, page: Dom) -> bool:
        """Whether anything on the page says what Elementor element it is."""
        return any(_kind(node) for node in page.nodes)

    def sections(self, page: Dom) -> list[int]:
        """The outermost sections and containers, but for those of popups."""

        def is_root(i: int) -> bool:
            """Whether a section or container begins here."""
            return _kind(page.nodes[i]) in _HOLDERS

        def enter(i: int) -> bool:
            """Whether sections may lie below: popups are left alone."""
            popup = page.nodes[i].attrs.get("data-elementor-type") == "popup"
            return not popup and not is_root(i)

        return [i for i in walk(page, 0, enter) if is_root(i)]

    def label(self, section: Dom) -> Labels:
        """The labels of one section.

        Raises:
            NoLabels: too much of it is in widgets that no role fits, or nothing else is in it.
        """
        return _Labeller(section).labels()


class _Labeller:
    """Labels one section, from its root down."""

    def __init__(self, dom: Dom) -> None:
        self.dom = dom
        self.kinds = [_kind(node) for node in dom.nodes]
        self.roles = [DROP] * len(dom)
        self.unfit: dict[str, float] = {}

    def labels(self) -> Labels:
        """Label it all; raises as `Elementor.label` does."""
        self.roles[0] = ROOT_ROLE
        self.fill(0)
        self.check()
        return Labels(tuple(self.roles), self.props())

    def fill(self, i: int) -> None:
        """Label what lies in a section, column or container that has its own label already."""
        wrappers, parts = self.content(i)
        lanes = [part for part in parts if self.kinds[part] in _HOLDERS]
        columns = self.side_by_side(lanes)
        for wrapper in wrappers:
            self.roles[wrapper] = MERGE
        if columns and wrappers and self.roles[i] != "grid":
            self.roles[wrappers[0]] = "grid"
        for part in parts:
            if self.kinds[part] == _WIDGET:
                self.widget(part)
            else:
                self.roles[part] = "column" if columns else self.lone(part)
                self.fill(part)

    def content(self, i: int) -> tuple[list[int], list[int]]:
        """The builder's elements directly in element i, and the wrappers between."""
        below = walk(self.dom, i, lambda j: not self.kinds[j])
        parts = [j for j in below if self.kinds[j]]
        holding = {i}
        for part in parts:
            while (parent := self.dom.nodes[part].parent) not in holding:
                holding.add(parent)
                part = parent
        return sorted(holding - {i}), parts

    def lone(self, i: int) -> str:
        """Label of a section, column or container that has no other at its side."""
        if self.kinds[i] == "column":
            return MERGE
        lanes = [part for part in self.content(i)[1] if self.kinds[part] in _HOLDERS]
        return "grid" if self.side_by_side(lanes) else "wrapper"

    def side_by_side(self, lanes: list[int]) -> bool:
        """Whether any two of these nodes stand beside each other."""
        rects = [self.dom.nodes[i].rect for i in lanes]
        return any(_beside(a, b) for n, a in enumerate(rects) for b in rects[:n])

    def widget(self, i: int) -> None:
        """Label a widget, or note how much of the section has no role that fits."""
        name = _widget_name(self.dom.nodes[i])
        role = _role_of_widget(name)
        if role == _COMPOSITE:
            role = _COMPOSITE if self.composite(i) else None
        elif role in ROLES:
            self.merge_down(i)
        if role is None:
            self.unfit[name] = self.unfit.get(name, 0.0) + self.dom.nodes[i].area
        else:
            self.roles[i] = role

    def composite(self, i: int) -> bool:
        """Label the parts of a widget that is several elements; whether that is what it is.

        Parts beyond its own box are slides that come in later: what shows them is something else.
        """
        dom = self.dom
        back = [j for j in dom.below(i) if _BACK_SIDE in dom.nodes[j].classes]
        found = walk(dom, i, lambda j: j not in back and not _part_role(dom.nodes[j]))
        parts = {j: role for j in found if j not in back and (role := _part_role(dom.nodes[j]))}
        if not parts or any(_beyond(dom.nodes[j].rect, dom.nodes[i].rect) for j in parts):
            return False
        for j, role in parts.items():
            self.roles[j] = role
            self.merge_down(j)
        return True

    def merge_down(self, i: int) -> None:
        """Merge what lies below a node, down to where the tree branches."""
        while len(self.dom.children[i]) == 1:
            i = self.dom.children[i][0]
            self.roles[i] = MERGE

    def props(self) -> tuple[str, ...]:
        """The prop labels: the section's own background, and blocks whose class names a prop."""
        found = [NO_PROP] * len(self.dom)
        if _has_background(self.dom.nodes[0]):
            found[0] = "bi"
        for i in walk(self.dom, 0, lambda j: self.kinds[j] != _WIDGET):
            for name in self.dom.nodes[i].classes:
                prop = _PROP_OF_CLASS.get(name, NO_PROP)
                if prop not in found:
                    found[i] = prop
        return tuple(found)

    def check(self) -> None:
        """Raise NoLabels where too much has no role, or nothing has one."""
        share = sum(self.unfit.values()) / max(self.dom.nodes[0].area, 1.0)
        if share > MAX_UNFIT:
            names = ", ".join(sorted(self.unfit, key=lambda name: -self.unfit[name]))
            raise NoLabels(f"{min(share, 1):.0%} of it in widgets that no role fits ({names})")
        if not any(role in ROLES for role in self.roles[1:]):
            raise NoLabels("no element in it")


def _kind(node: DomNode) -> str:
    """section, column, container or widget; "" for a node that is no element of the builder."""
    kind = node.attrs.get("data-element_type", "")
    if kind in _HOLDERS or not kind:
        return kind
    return _WIDGET  # before Elementor 2.7 the widget's own name stood here


def _widget_name(node: DomNode) -> str:
    named = node.attrs.get("data-widget_type") or node.attrs.get("data-element_type", "")
    return named.partition(".")[0]


def _role_of_widget(name: str) -> str | None:
    """Role of a widget; an add-on's `<vendor>-heading` is a heading, as its author chose."""
    plain = name.replace("_", "-").partition("-")[2]
    return _ROLE_OF_WIDGET.get(name) or _ROLE_OF_WIDGET.get(plain)


def _part_role(node: DomNode) -> str | None:
    by_class = (role for sign, role in _PART_OF_CLASS for c in node.classes if sign.match(c))
    return next(by_class, None) or _PART_OF_TAG.get(node.tag)


def _has_background(node: DomNode) -> bool:
    if node.background:
        return True
    try:
        settings = json.loads(node.attrs.get("data-settings", "{}"))
    except (ValueError, RecursionError):
        return False
    return isinstance(settings, dict) and settings.get("background_background") == "slideshow"


def _beyond(part: Rect, whole: Rect) -> bool:
    """Whether a part lies to the left or to the right of the whole."""
    return part[0] >= whole[0] + whole[2] or part[0] + part[2] <= whole[0]


def _beside(a: Rect, b: Rect) -> bool:
    """Whether two rectangles stand side by side: at one height, and neither over the other."""
    across = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    down = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return across <= 0.1 * min(a[2], b[2]) and down > 0.5 * min(a[3], b[3])
