// Bring a saved page into the state that its scripts, which do not run, would bring it to by the time
// a visitor has scrolled through it: pictures loaded, entrance animations done, nothing in the way.
() => {
  const LAZY_SRC = ["data-src", "data-lazy-src", "data-original", "data-orig-src", "data-litespeed-src",
    "data-ezsrc", "data-pin-media"];
  const LAZY_SRCSET = ["data-srcset", "data-lazy-srcset", "data-litespeed-srcset"];
  const ENTRANCE = ".elementor-invisible, .animated, [data-aos], [data-sal], .wow, .lazyload, .lazyloading," +
    " .lazy, .animate__animated, .et-waypoint, .et_animated, .wpb_animate_when_almost_visible, [data-w-id]," +
    " .scroll-reveal, .appear-animation";
  const first = (element, names) => names.map((name) => element.getAttribute(name)).find(Boolean);
  const all = (selector) => Array.from(document.querySelectorAll(selector));

  // a lazy picture's fallback: its address goes to the picture beside it
  for (const fallback of all("noscript")) {
    const real = fallback.querySelector("img[src]");
    const beside = [fallback.previousElementSibling, fallback.nextElementSibling]
      .find((element) => element && element.localName === "img");
    if (real && beside) beside.src = real.getAttribute("src");
    else if (real) fallback.before(real);
    fallback.remove();
  }
  for (const element of all("img, source, iframe, video")) {
    const src = first(element, LAZY_SRC);
    const srcset = first(element, LAZY_SRCSET);
    if (srcset) element.setAttribute("srcset", srcset);
    if (src) element.setAttribute("src", src);
    element.removeAttribute("loading");
  }
  for (const element of all("[data-bg], [data-background-image], [data-bg-image]")) {
    const address = first(element, ["data-bg", "data-background-image", "data-bg-image"]);
    element.style.backgroundImage = address.startsWith("url(") ? address : `url("${address}")`;
  }
  for (const element of all(".e-con.e-parent")) element.classList.add("e-lazyloaded");
  for (const number of all("[data-to-value]")) number.textContent = number.dataset.toValue;

  // entrance animations, before the style sheet below takes the animations away; what is transparent
  // though it takes its place in the page's flow waits for a script, too (hover effects lie over it)
  const hidden = all("body *").filter((element) => {
    const style = getComputedStyle(element);
    const transparent = parseFloat(style.opacity) < 0.02;
    const inFlow = ["static", "relative"].includes(style.position);
    if (element.matches(ENTRANCE) || style.animationName !== "none") {
      return transparent || style.visibility === "hidden" || style.transform !== "none";
    }
    return transparent && inFlow && !element.matches("input, select, textarea");
  });
  const bars = all("body *").filter((element) =>
    ["fixed", "sticky"].includes(getComputedStyle(element).position));
  const still = document.createElement("style");
  still.textContent = "*, *::before, *::after { animation: none !important; transition: none !important;" +
    " scroll-behavior: auto !important; content-visibility: visible !important;" +
    " background-attachment: scroll !important; caret-color: transparent !important }" +
    " html, body { overflow: visible !important; height: auto !important }";
  document.documentElement.append(still);
  const set = (element, name, value) => element.style.setProperty(name, value, "important");
  for (const element of hidden) {
    set(element, "opacity", "1");
    set(element, "visibility", "visible");
    set(element, "transform", "none");
  }

  // bars go back into the page's flow; whatever else floats over it (popups, banners, chat) goes
  const OVER = "dialog, [role=dialog], [aria-modal=true], .elementor-popup-modal, .modal";
  for (const element of bars) {
    const rect = element.getBoundingClientRect();
    const sticky = getComputedStyle(element).position === "sticky";
    const bar = rect.width > 0.6 * innerWidth && rect.height < 0.5 * innerHeight &&
      rect.top < 0.3 * innerHeight;
    if (!sticky && (!bar || element.matches(OVER))) set(element, "display", "none");
    set(element, "position", "relative");
    set(element, "inset", "auto");
  }
  for (const element of all(OVER)) set(element, "display", "none");
}
