"use strict";
(() => {
  for (const part of document.querySelectorAll(".controls, #theme")) part.hidden = false;

  // automatic, light, dark: what the reader last chose is kept where the browser allows it
  const theme = document.getElementById("theme");
  const themes = ["automatic", "light", "dark"];
  const remembered = () => {
    try { return localStorage.getItem("theme"); } catch { return null; }
  };
  const setTheme = (name) => {
    if (name === "automatic") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = name;
    theme.querySelector("span").textContent = name;
    try { localStorage.setItem("theme", name); } catch { /* a private window */ }
  };
  setTheme(themes.includes(remembered()) ? remembered() : "automatic");
  theme.addEventListener("click", () => {
    const now = theme.querySelector("span").textContent;
    setTheme(themes[(themes.indexOf(now) + 1) % themes.length]);
  });

  // a card's chips show and hide layers and roles of its overlay
  const press = (chip) => {
    const on = chip.getAttribute("aria-pressed") !== "true";
    chip.setAttribute("aria-pressed", String(on));
    for (const rect of chip.closest(".card").querySelectorAll("rect")) {
      if (chip.dataset.layer && rect.classList.contains(chip.dataset.layer)) {
        rect.classList.toggle("off", !on);
      }
      if (chip.dataset.role && rect.dataset.role === chip.dataset.role) {
        rect.classList.toggle("role-off", !on);
      }
    }
  };
  const show = (layer, on) => {
    for (const chip of document.querySelectorAll(`#cards .chip[data-layer="${layer}"]`)) {
      if ((chip.getAttribute("aria-pressed") === "true") !== on) press(chip);
    }
  };
  // pointing at a line or a box marks the same DOM node everywhere in the card
  const mark = (event) => {
    const card = event.target.closest(".card");
    const node = event.target.closest("[data-node]")?.dataset.node;
    if (!card) return;
    for (const part of card.querySelectorAll("[data-node]")) {
      part.classList.toggle("hot", part.dataset.node === node);
    }
  };
  for (const card of document.querySelectorAll(".card")) {
    card.addEventListener("click", (event) => {
      const chip = event.target.closest(".chip");
      if (chip) press(chip);
    });
    card.addEventListener("mouseover", mark);
    card.addEventListener("mouseleave", mark);
  }

  const cards = document.getElementById("cards");
  if (!cards) return;
  const order = document.getElementById("order");
  const kind = document.getElementById("class");
  const arrange = () => {
    const sign = order.value === "worst" ? 1 : -1;
    const all = [...cards.children];
    all.sort((a, b) => sign * (Number(a.dataset.accuracy) - Number(b.dataset.accuracy)));
    cards.append(...all);
    for (const card of all) {
      card.hidden = kind.value !== "" && !card.dataset.classes.split("|").includes(kind.value);
    }
    const left = all.filter((card) => !card.hidden).length;
    document.getElementById("count").textContent = left === 1 ? "1 section" : `${left} sections`;
  };
  document.getElementById("layers").addEventListener("change", (event) => {
    show("truth", event.target.value !== "predicted");
    show("predicted", event.target.value !== "truth");
  });
  order.addEventListener("change", arrange);
  kind.addEventListener("change", arrange);
})();
