"use strict";
(() => {
  // Whatever a message holds is put into the page as text, never as markup.
  const at = (id) => document.getElementById(id);
  const make = (name, kind, ...children) => {
    const element = document.createElement(name);
    if (kind) element.className = kind;
    element.append(...children.filter((child) => child !== null));
    return element;
  };
  const setText = (element, text) => { if (element.textContent !== text) element.textContent = text; };
  const percent = (share) => (share === null || share === undefined ? "–" : `${Math.round(100 * share)}%`);
  const feels = (it) => `${it.emotion} ${percent(it.confidence)}`;
  const kindOf = (emotion) => (emotions.includes(emotion) ? emotion : "unknown");
  const ms = (value) => (value === null ? "–" : value >= 10 ? `${Math.round(value)} ms` : `${value} ms`);
  const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
  const clock = (seconds) => {
    if (seconds === null) return "–";
    const whole = Math.round(Math.abs(seconds)), rest = String(whole % 60).padStart(2, "0");
    return `${seconds < -0.5 ? "−" : ""}${Math.floor(whole / 60)}:${rest}`;
  };
  const MOST = 300; // utterances that the page keeps, as the graph's side does
  const SPAN_S = 60; // of the strip above what was said
  const LEVELS = { ok: ["✓", "well"], warn: ["!", "warning"], error: ["✕", "error"], silent: ["–", "silent"] };
  let emotions = [], run = "", over = false, heard = 0, speaking = false, sentence = "";
  const said = []; // newest first

  const status = (text) => setText(at("status"), text);
  const told = () => {
    if (over) return sentence ? `The graph has ended: ${sentence}` : "The graph has ended.";
    return sentence || (speaking ? "Somebody speaks" : "Listening");
  };

  // Those who are seen or heard now.
  const people = new Map();
  const personOf = () => {
    const name = make("b", ""), chip = make("span", "chip"), voice = make("span", "voice", "speaks");
    const bars = make("dl", "bars"), words = make("p", "words"), rows = [];
    for (const emotion of emotions) {
      const fill = make("i", emotion), label = make("dt", "", emotion), share = make("dd", "");
      const track = make("dd", "track", fill);
      track.setAttribute("aria-hidden", "true");
      bars.append(label, track, share);
      rows.push({ fill, label, share });
    }
    const item = make("li", "", make("div", "top", name, chip, voice), bars, words);
    return { item, name, chip, voice, words, rows };
  };
  const showPeople = (list) => {
    const here = new Set(list.map((it) => it.who));
    for (const [who, shown] of people) {
      if (!here.has(who)) { shown.item.remove(); people.delete(who); }
    }
    list.forEach((it, place) => {
      if (!people.has(it.who)) people.set(it.who, personOf());
      const shown = people.get(it.who), now = at("people").children[place];
      if (now !== shown.item) at("people").insertBefore(shown.item, now ?? null);
      setText(shown.name, it.who);
      setText(shown.chip, feels(it));
      shown.chip.className = `chip ${kindOf(it.emotion)}`;
      shown.voice.hidden = !it.speaks;
      setText(shown.words, it.words);
      shown.words.hidden = !it.words;
      shown.rows.forEach((row, i) => {
        const share = it.probabilities[i] ?? null;
        row.fill.style.width = `${100 * Math.min(1, Math.max(0, share ?? 0))}%`;
        setText(row.share, percent(share));
        row.share.className = row.label.className = emotions[i] === it.emotion ? "most" : "";
      });
    });
    at("nobody").hidden = list.length > 0;
  };

  // What was said, the newest first and opened.
  const row = (name, shares, weight) => {
    const cells = emotions.map((_, i) => {
      const share = shares[i] ?? null, step = Math.floor(10 * (share ?? 0) + 1e-9);
      return make("td", step > 0 ? `q${Math.min(10, step)}` : "", share === null ? "–" : String(Math.round(100 * share)));
    });
    return make("tr", "", make("th", "", name), ...cells, make("td", "", weight === null ? "" : percent(weight)));
  };
  const without = (name, reason) => {
    const cell = make("td", "none", reason);
    cell.colSpan = emotions.length + 1;
    return make("tr", "", make("th", "", name), cell);
  };
  const grid = (it) => {
    const head = make("tr", "", make("th", ""), ...[...emotions, "weight"].map((name) => make("th", "", name)));
    const senses = it.senses.map((say) =>
      say.probabilities ? row(say.sense, say.probabilities, say.weight) : without(say.sense, say.reason));
    const body = make("tbody", "", row("together", it.probabilities, null), ...senses);
    const table = make("table", "grid", make("thead", "", head), body);
    table.setAttribute("aria-label", "per cent");
    return make("div", "wide", table);
  };
  const utterance = (it) => {
    const facts = [`${it.seconds} s`, `turn ${it.turn}`, `sentiment ${it.sentiment}`];
    if (it.valence !== null) facts.push(`valence ${signed(it.valence)}`);
    if (it.arousal !== null) facts.push(`arousal ${signed(it.arousal)}`);
    if (it.before) facts.push(`before: ${it.before}`);
    const spent = it.latency.map(([stage, value]) => `${stage} ${ms(value)}`).join(" · ");
    const chip = make("span", `chip ${kindOf(it.emotion)}`, feels(it));
    const words = make("span", it.words ? "words" : "words none", it.words || "(no words)");
    const after = make("span", "after", it.after === null ? "" : `${it.after} s after the end`);
    const who = make("span", "who", it.who);
    who.title = it.who;
    const line = make("summary", "", make("span", "at", clock(it.at)), who, chip, after, words);
    const more = make("div", "more", make("p", "", facts.join(" · ")), grid(it), make("p", "spent", spent));
    const details = make("details", "", line, more);
    details.open = true;
    line.addEventListener("click", () => { details.dataset.kept = "yes"; }); // what the reader opens or closes stays so
    return make("li", "fresh", details);
  };
  let speak = 0;
  const add = (it) => {
    if (said.some((known) => known.it.number === it.number)) return;
    const last = said[0] && said[0].item.querySelector("details");
    if (last && !last.dataset.kept) last.open = false;
    const item = utterance(it);
    said.unshift({ it, item });
    at("said").prepend(item);
    while (said.length > MOST) said.pop().item.remove();
    at("silence").hidden = true;
    course();
    count();
    clearTimeout(speak); // of many at once the last is read out
    speak = setTimeout(() => setText(at("spoken"), `${it.who}: ${feels(it)}. ${it.words}`), 250);
  };
  const forget = (numbers) => {
    const gone = said.filter(({ it }) => numbers.includes(it.number));
    if (!gone.length) return;
    for (const known of gone) { known.item.remove(); said.splice(said.indexOf(known), 1); }
    clearTimeout(speak);
    setText(at("spoken"), "");
    at("silence").hidden = said.length > 0;
    course();
    count();
  };
  const count = () => {
    const n = said.length, all = Math.max(n, heard);
    setText(at("count"), n === all ? String(n || "") : `${n} of ${all}`);
  };

  // The last minute as a strip: each utterance as long as it was, as high as its emotion is probable.
  const course = () => {
    const strip = at("course");
    strip.hidden = !said.length;
    if (strip.hidden) return strip.replaceChildren();
    const end = Math.max(...said.map(({ it }) => it.at + it.seconds));
    const begin = Math.max(Math.min(...said.map(({ it }) => it.at)), end - SPAN_S), width = Math.max(end - begin, 10);
    strip.replaceChildren(...said.filter(({ it }) => it.at + it.seconds > begin).map(({ it }) => {
      const block = make("i", kindOf(it.emotion)), from = Math.max(it.at, begin);
      block.style.left = `${100 * (from - begin) / width}%`;
      block.style.width = `${100 * (it.at + it.seconds - from) / width}%`;
      block.style.height = `${100 * Math.min(1, it.confidence ?? 0)}%`;
      block.title = `${it.who}: ${feels(it)}`;
      return block;
    }));
    strip.setAttribute("aria-hidden", "true"); // the list tells the same
  };

  const showNodes = (list) => {
    at("nodes").replaceChildren(...list.map((node) => {
      const [sign, level] = LEVELS[node.level] ?? LEVELS.silent, mark = make("span", "mark", sign);
      mark.setAttribute("role", "img");
      mark.setAttribute("aria-label", level);
      const kind = node.level in LEVELS ? node.level : "silent";
      return make("li", kind, mark, make("span", "", node.name), make("span", "told", node.message));
    }));
    at("unheard").hidden = list.length > 0;
  };

  // The picture: one at a time is fetched, and always the newest.
  const picture = at("picture");
  let newest = 0, fetched = 0, busy = false;
  const fetchPicture = () => {
    if (busy || fetched === newest) return;
    busy = true;
    fetched = newest;
    picture.src = `image.jpg?n=${run}-${newest}`;
  };
  picture.addEventListener("load", () => {
    busy = false;
    picture.hidden = false;
    at("blind").hidden = true;
    fetchPicture();
  });
  picture.addEventListener("error", () => { busy = false; });

  const show = (state) => {
    if (state.run !== run) { // another graph than before
      run = state.run;
      emotions = state.emotions;
      said.length = newest = fetched = 0;
      people.clear();
      for (const list of ["said", "people", "course"]) at(list).replaceChildren();
    }
    heard = state.heard;
    speaking = state.speaking;
    over = state.over;
    sentence = over ? state.note : state.status;
    document.title = `${state.title}: emotions`;
    setText(at("title"), state.title);
    status(told());
    showPeople(state.people);
    showNodes(state.nodes);
    count();
    document.body.classList.toggle("over", over);
  };
  const connect = () => {
    const source = new EventSource("events");
    source.addEventListener("state", (event) => {
      show(JSON.parse(event.data));
      if (over) source.close();
    });
    source.addEventListener("said", (event) => add(JSON.parse(event.data)));
    source.addEventListener("forgotten", (event) => forget(JSON.parse(event.data)));
    source.addEventListener("image", (event) => { newest = Number(event.data); fetchPicture(); });
    source.addEventListener("bye", () => {
      source.close();
      status("Too many pages are open, and a newer one has taken the place of this: reload it to see more here.");
    });
    source.addEventListener("error", () => {
      if (over) return;
      status("There is no connection to the graph: it may have ended. Trying again …");
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, 5000); // it will not try by itself
    });
  };
  connect();
})();
