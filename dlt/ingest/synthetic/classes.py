"""Five ways to name classes, each a function of a site, a section and the part a node plays.

A part is the name that the markup has in mind for a node: "column", "title", "icon" ...
"""

from hashlib import blake2b

from dlt.ingest.synthetic.style import Site

_ELEMENTS = ("section", "column", "box", "full")  # what builders give an id, besides widgets


def class_names(site: Site, kind: str, part: str, serial: int) -> tuple[str, ...]:
    """Classes of a node of a section: `serial` numbers the section's nodes."""
    if site.habit == "opaque":
        plain = _hidden(site, part, serial)
        return tuple(dict.fromkeys("k" + _digest(f"{site.seed}{name}", 5) for name in plain))
    if site.habit == "builder":
        return _builder(site, part, serial)
    if site.habit == "bem":
        return _bem(site, kind, part)
    table = _BOOTSTRAP if site.habit == "bootstrap" else _UTILITY
    known = table.get(part.removeprefix("widget-"), table[""])
    variants = known.split("/")
    return tuple(variants[_choice(site, part, len(variants))].split())


def _hidden(site: Site, part: str, serial: int) -> tuple[str, ...]:
    """What opaque names stand for: a builder's names, one for each part, or atoms of style."""
    kind = _choice(site, "hidden", 10)
    if kind < 2:
        return (part,)
    return _atomic(site, part) if kind < 7 else _builder(site, part, serial)


def _atomic(site: Site, part: str) -> tuple[str, ...]:
    """As of libraries that make a class of each declaration: parts share some at random."""
    pool, own = 6 + _choice(site, "pool", 15), part.removeprefix("widget-")
    count = 1 + _choice(site, own + " count", 4)
    return (part, *(str(_choice(site, f"{own} {i}", pool)) for i in range(count)))


def _builder(site: Site, part: str, serial: int) -> tuple[str, ...]:
    prefix = ("elb", "wpx", "ktb", "sb", "ux")[_choice(site, "prefix", 5)]
    own = f"{prefix}-element-{_digest(f'{site.seed}{serial}', 4)}"
    if part.startswith("widget-"):
        return (f"{prefix}-element", own, f"{prefix}-widget", f"{prefix}-{part}")
    if part in _ELEMENTS and site.dialect == "flex":  # all of them are containers
        width = "full" if part == "full" else "boxed"
        return (f"{prefix}-element", own, f"{prefix}-con-{width}", f"{prefix}-con")
    if part in _ELEMENTS:
        return (f"{prefix}-element", own, f"{prefix}-{part}", f"{prefix}-{part}-default")
    if part in ("container", "wrap"):
        return (f"{prefix}-{part}", f"{prefix}-gap-default")
    return (f"{prefix}-{part}",)


def _bem(site: Site, kind: str, part: str) -> tuple[str, ...]:
    block = f"{('', 'c-', 's-', 'b-')[_choice(site, 'block', 4)]}{kind.replace('_', '-')}"
    if part == "section":
        return (block,) if _choice(site, kind, 2) else (block, f"{block}--wide")
    return (f"{block}__{part.removeprefix('widget-')}",)


def _choice(site: Site, what: str, count: int) -> int:
    return int(_digest(site.seed + what, 4), 16) % count


def _digest(text: str, characters: int) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()[:characters]


_BOOTSTRAP = {
    "": "/d-block",
    "section": "py-5/section py-4/py-5 bg-light",
    "container": "container/container-lg/container py-3",
    "wrap": "h-100",
    "row": "row/row g-4/row align-items-center",
    "column": "col-md/col-lg col-12/col",
    "box": "card card-body/border rounded p-3",
    "full": "d-flex/vstack gap-3/p-3",
    "box-icon": "mb-3/fs-1 mb-2",
    "heading": "text-center/mb-3",
    "title": "h2/display-6/fw-bold mb-3",
    "paragraph": "mb-4",
    "text": "lead/text-muted/mb-0",
    "button": "btn btn-primary/btn btn-outline-primary/btn btn-lg",
    "image": "img-fluid/img-fluid rounded",
    "figure": "figure/ratio",
    "list": "list-unstyled/list-group",
    "item": "list-group-item/mb-2",
    "icon": "bi bi-star/fs-3",
    "divider": "my-4",
    "rule": "my-3",
    "accordion": "accordion",
    "question": "accordion-button",
    "carousel": "carousel slide",
    "track": "carousel-inner",
    "slide": "carousel-item",
    "tabs": "nav nav-tabs",
    "tab": "tab-content",
    "overlay": "overlay position-absolute",
    "background": "bg-cover position-absolute",
    "background-video": "video-bg position-absolute",
    "media": "position-relative",
    "frame": "ratio ratio-16x9",
    "form": "input-group",
    "field": "form-control",
    "gallery": "row row-cols-3",
    "tile": "col",
    "free": "position-relative",
    "layer": "position-absolute",
    "social": "d-flex gap-2",
    "caption": "figure-caption small",
    "body": "card-body",
    "number": "display-5 fw-bold",
    "spacer": "my-5",
}

_UTILITY = {
    "": "block/w-full/min-w-0/relative",
    "section": "relative py-12 w-full/py-16 px-4 overflow-hidden",
    "container": "max-w-6xl mx-auto px-4/mx-auto max-w-7xl",
    "wrap": "w-full flex flex-col gap-4",
    "row": "flex flex-row gap-8/flex flex-wrap -mx-2",
    "column": "flex-1 px-2/w-full basis-0 grow",
    "box": "p-6 rounded-lg shadow-sm/p-4 border",
    "full": "flex gap-6/flex flex-col p-4",
    "box-icon": "mb-4/mb-2 inline-flex",
    "widget": "w-full",
    "inner": "w-full block",
    "title": "text-3xl font-bold/text-2xl font-semibold tracking-tight",
    "paragraph": "leading-relaxed",
    "text": "text-base text-gray-600/opacity-80",
    "button": "inline-flex px-5 py-2 rounded-full/px-4 py-2 bg-blue-600",
    "label": "whitespace-nowrap",
    "image": "w-full h-auto object-cover",
    "figure": "overflow-hidden rounded-md",
    "list": "space-y-2",
    "item": "flex items-center gap-2",
    "icon": "w-6 h-6",
    "divider": "py-3",
    "rule": "h-px w-full",
    "overlay": "absolute inset-0 opacity-50",
    "background": "absolute inset-0 -z-10",
    "background-video": "absolute inset-0 object-cover",
    "media": "relative",
    "frame": "aspect-video w-full",
    "track": "flex overflow-x-auto",
    "slide": "shrink-0 w-1/3",
    "form": "flex max-w-md",
    "field": "flex-1 border px-3",
    "tile": "aspect-square",
    "layer": "absolute",
    "free": "relative min-h-screen",
    "social": "flex gap-3",
    "question": "flex justify-between py-3",
    "number": "text-5xl font-black",
    "caption": "text-xs mt-1",
    "spacer": "h-8",
}
