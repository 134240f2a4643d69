"""The vocabulary of the label law: element roles and the two other node labels, and the props.

A new role is one line in `ROLES`, or one word in `LAYOUT_ROLES`; everything else (schemas, model
heads, plots) follows.
"""

LAYOUT_ROLES = ("section", "grid", "column", "wrapper", "freedom")  # of elements that hold others
ROLES = (
    *LAYOUT_ROLES,
    # basic
    "heading",
    "paragraph",
    "button",
    "icon",
    "image",
    "list",
    "map",
    "qr",
    "counter",
    "divider",
    "video",
    "marquee",
    # advanced
    "carousel",
    "accordion",
    "tab",
    "social",
    "gallery",
    "masonry",
)
MERGE = "merge"  # the node joins its parent's element
DROP = "drop"  # the node is absent from the layout
NODE_ROLES = (*ROLES, MERGE, DROP)

ROOT_ROLE = "section"

NO_PROP = "none"
PROPS = ("bi", "bv", "bo")  # background image, background video, background overlay
NODE_PROPS = (NO_PROP, *PROPS)
