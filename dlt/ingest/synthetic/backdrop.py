"""What lies behind a section: pictures, videos, overlays, and decoration that is none of these."""

from dlt.ingest.synthetic import widgets as w
from dlt.ingest.synthetic.composer import Composer
from dlt.ingest.synthetic.item import Flow, Item, Look
from dlt.section.roles import MERGE

COVER = Flow(cover=True)


def picture(c: Composer, root: Item, veiled: bool) -> Item:
    """A background picture: the section's own, or in hand-made markup an `img` of a child node."""
    look = Look(shape="picture", seed=c.rng.randrange(1 << 16))
    behind = []
    if c.builder or c.rng.random() < 0.5:
        root.look, root.prop = look, "bi"
    else:
        inner = c.node("img", "image", flow=COVER)
        holder = c.node("div", "background", inner, flow=COVER, look=look)
        holder.prop = "bi"
        behind.append(holder)
    if veiled:
        behind.append(_overlay(c))
    root.children[:0] = behind
    return root


def overlay(c: Composer, root: Item) -> Item:
    """An overlay block over a plain background."""
    root.look = Look(fill=c.tone.back)
    root.children.insert(0, _overlay(c))
    return root


def _overlay(c: Composer) -> Item:
    veil = c.node("div", "overlay", flow=COVER, look=Look(shape="veil", color=c.site.dark.back))
    veil.prop = "bo"
    return veil


def video(c: Composer, root: Item, veiled: bool) -> Item:
    """A background video block: the player fills the section."""
    player = c.node(c.rng.choice(("video", "iframe")), "player", flow=COVER)
    look = Look(shape="picture", seed=c.rng.randrange(1 << 16))
    holder = c.node("div", "background-video", player, flow=COVER, look=look)
    holder.prop = "bv"
    root.children[:0] = [holder, _overlay(c)] if veiled else [holder]
    return root


def decorated(c: Composer, root: Item) -> Item:
    """Now and then what a section holds besides elements: a curved edge of its own, a script."""
    if c.rng.random() < 0.12:
        shape = c.node("svg", "", role=MERGE, flow=COVER)
        root.children.insert(0, c.node("div", "shape", shape, role=MERGE, flow=COVER))
    if c.rng.random() < 0.08:
        root.children.append(w.script(c))
    return root
