// The page as rows [tag, parent, attrs, text, rect, visible, background], in pre-order from <body>.
// Subtrees that are not rendered and the insides of pictures drawn in markup are left out.
(limit) => {
  const SKIPPED = new Set(["script", "style", "template", "noscript", "link", "meta", "source", "br",
    "wbr", "option", "param", "track"]);
  const OPAQUE = new Set(["svg", "math", "object", "canvas", "video", "audio", "iframe", "select"]);
  const rows = [];
  const stack = [[document.body, -1, true]];
  const ownText = (element) => Array.from(element.childNodes)
    .filter((node) => node.nodeType === Node.TEXT_NODE)
    .map((node) => node.data).join(" ").replace(/\s+/g, " ").trim().slice(0, 2000);
  while (stack.length) {
    const [element, parent, shown] = stack.pop();
    const tag = element.localName;
    const style = getComputedStyle(element);
    if (SKIPPED.has(tag) || style.display === "none") continue;
    if (rows.length >= limit) return null;
    const rect = element.getBoundingClientRect();
    const transparent = parseFloat(style.opacity) < 0.02;
    const picture = /url\("([^"]*)"\)/.exec(style.backgroundImage);
    const attrs = {};
    for (const { name, value } of element.attributes) attrs[name] = value.slice(0, 4000);
    const index = rows.length;
    rows.push([tag, parent, attrs, ownText(element),
      [rect.x + scrollX, rect.y + scrollY, rect.width, rect.height],
      shown && !transparent && style.visibility === "visible",
      picture ? picture[1].slice(0, 500) : ""]);
    if (OPAQUE.has(tag)) continue;
    for (const child of Array.from(element.children).reverse()) {
      stack.push([child, index, shown && !transparent]);
    }
  }
  return rows;
}
