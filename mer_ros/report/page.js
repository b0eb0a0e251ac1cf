"use strict";
(() => {
  const all = JSON.parse(document.getElementById("data").textContent).utterances;
  const of = (root) => Array.from(document.querySelectorAll(root));
  const rows = of("#said > li"), marks = of(".u[data-i]"), links = marks.filter((m) => m.tagName === "a");
  const form = document.getElementById("filters"), status = document.getElementById("status");
  const card = document.getElementById("card");
  const field = (name) => document.getElementById("f-" + name);
  document.documentElement.classList.add("js");

  // Filters: of the list and of the timeline alike.
  const value = (name) => (field(name) ? field(name).value : "");
  const filter = () => {
    const words = value("words").trim().toLowerCase(), wrong = field("wrong") && field("wrong").checked;
    const stays = all.map((u) =>
      ["recording", "who", "emotion"].every((key) => !value(key) || u[key] === value(key)) &&
      (!words || u.words.toLowerCase().includes(words)) && (!wrong || u.wrong));
    rows.forEach((row) => { row.hidden = !stays[row.dataset.i]; });
    marks.forEach((mark) => {
      const out = !stays[mark.dataset.i];
      mark.classList.toggle("out", out);
      if (mark.tagName === "a") mark.setAttribute("tabindex", out ? -1 : 0);
    });
    const n = stays.filter(Boolean).length;
    status.textContent = n === all.length ? `${n} ${n === 1 ? "utterance" : "utterances"}` : `${n} of ${all.length}`;
  };
  if (form) {
    form.addEventListener("input", filter);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(filter));
    filter(); // what the browser has kept of an earlier visit
  }

  // A card beside what is pointed at or focused; it may be pointed at itself, and Escape closes it.
  let leaving = 0;
  const hide = () => { card.hidden = true; links.forEach((link) => link.removeAttribute("aria-describedby")); };
  const show = (link) => {
    clearTimeout(leaving);
    const u = all[link.dataset.i], item = document.getElementById("u" + link.dataset.i);
    const piece = (kind, text) => Object.assign(document.createElement("span"), { className: kind, textContent: text });
    const line = item.parentElement.querySelector("summary"), more = item.cloneNode(true);
    more.removeAttribute("id");
    const words = Object.assign(document.createElement("p"), { className: "words", textContent: u.words });
    const head = [".chip", ".at", ".who"].map((kind) => line.querySelector(kind).cloneNode(true));
    card.replaceChildren(...head, words, more);
    if (u.label) words.before(piece("who", u.labelled));
    card.hidden = false;
    link.setAttribute("aria-describedby", "card");
    const at = link.getBoundingClientRect(), wide = document.documentElement.clientWidth;
    const left = Math.max(16, Math.min(at.left, wide - card.offsetWidth - 16));
    const above = at.top, below = window.innerHeight - at.bottom; // room
    const top = below > card.offsetHeight || below > above ? at.bottom + 4 : at.top - card.offsetHeight - 4;
    card.style.left = `${left + window.scrollX}px`;
    card.style.top = `${top + window.scrollY}px`;
  };
  const later = () => { clearTimeout(leaving); leaving = setTimeout(hide, 250); };
  const open = (link) => {
    const item = document.getElementById("u" + link.dataset.i).parentElement;
    hide();
    item.open = true;
    item.querySelector("summary").focus();
    item.scrollIntoView({ block: "center" });
  };
  links.forEach((link, i) => {
    link.addEventListener("mouseenter", () => show(link));
    link.addEventListener("mouseleave", later);
    link.addEventListener("focus", () => { if (link.matches(":focus-visible")) show(link); });
    link.addEventListener("blur", later);
    link.addEventListener("click", (event) => { event.preventDefault(); open(link); });
    link.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      let next = i + step;
      while (links[next] && links[next].classList.contains("out")) next += step;
      if (links[next]) links[next].focus();
    });
  });
  card.addEventListener("mouseenter", () => clearTimeout(leaving));
  card.addEventListener("mouseleave", later);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });

  // Print holds everything, opened.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = of("details:not([open])");
    closed.forEach((item) => { item.open = true; });
  });
  addEventListener("afterprint", () => closed.forEach((item) => { item.open = false; }));
})();
