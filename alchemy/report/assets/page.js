"use strict";
// Trace explorers: a test, an outcome, one answer at a time, by click or by key.
const GLYPHS = { ok: "✓", wrong: "✗", follows: "↳", "wrong after": "·" };

function explorer(box) {
  const tests = JSON.parse(document.getElementById(box.dataset.journal).textContent).tests;
  const [test, outcome] = box.querySelectorAll("select");
  const [before, after] = box.querySelectorAll("button");
  let at = 0;

  function fill(select, names) {
    select.replaceChildren(...names.map((name) => new Option(name, name)));
  }
  function rows() {
    return tests[test.selectedIndex].outcomes[outcome.value];
  }
  function list(name, steps) {
    const found = box.querySelector(name);
    found.replaceChildren(...steps.map(([text, mark]) => {
      const item = document.createElement("li");
      item.className = "step " + (mark === "wrong after" ? "after" : mark);
      item.dataset.glyph = GLYPHS[mark] || "";
      item.textContent = text;
      return item;
    }));
  }
  function draw() {
    const all = rows(), one = all[at];
    box.querySelector(".prompt").textContent = one.prompt;
    box.querySelector(".count").textContent = `${at + 1} of ${all.length}, ${"line" in one ? `line ${one.line}` : `seed ${one.seed}`}`;
    list(".gold", one.gold.map((text) => [text, ""]));
    list(".written", one.steps);
    const picture = box.querySelector(".picture"); // as an image: nothing in it runs
    picture.hidden = !one.picture;
    if (one.picture) picture.src = "data:image/svg+xml," + encodeURIComponent(one.picture);
    box.querySelector(".guesses").replaceChildren(...Object.entries(one.floors || {}).flatMap(([name, text]) => {
      const pair = [document.createElement("dt"), document.createElement("dd")];
      pair[0].textContent = `floor: ${name}`;
      pair[1].textContent = text;
      return pair;
    }));
  }
  function move(by) {
    at = (at + by + rows().length) % rows().length;
    draw();
  }
  function chosen() {
    const kept = outcome.value, names = Object.keys(tests[test.selectedIndex].outcomes);
    fill(outcome, names);
    if (names.includes(kept)) outcome.value = kept;
    at = 0;
    draw();
  }
  function turn(select) {
    select.selectedIndex = (select.selectedIndex + 1) % select.options.length;
    select.dispatchEvent(new Event("change"));
  }
  fill(test, tests.map((one) => one.label));
  test.addEventListener("change", chosen);
  outcome.addEventListener("change", () => { at = 0; draw(); });
  before.addEventListener("click", () => move(-1));
  after.addEventListener("click", () => move(1));
  box.addEventListener("keydown", (event) => {
    if (event.target.tagName === "SELECT" || event.ctrlKey || event.metaKey || event.altKey) return;
    const keys = { ArrowLeft: () => move(-1), ArrowRight: () => move(1), t: () => turn(test), o: () => turn(outcome) };
    if (!(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  });
  chosen();
}

// The claims: only those whose row or section has every word that was typed, and the verdict that was chosen.
function filter(bar) {
  const word = bar.querySelector("input"), verdict = bar.querySelector("select"), count = bar.querySelector(".count");
  const sections = document.querySelectorAll("section"); // in the order of the rows
  const claims = [...document.querySelectorAll("#claims ~ .scroll tbody tr")].map((row, number) => {
    const section = sections[number];
    const parts = [row, ...section.querySelectorAll("dd, td")];
    return { row, section, text: parts.map((part) => part.textContent).join(" ").toLowerCase() };
  });
  function draw() {
    const words = word.value.toLowerCase().split(/\s+/);
    let shown = 0;
    for (const { row, section, text } of claims) {
      const fits = words.every((one) => text.includes(one)) && (!verdict.value || row.querySelector(`.${verdict.value}`));
      row.hidden = section.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    count.textContent = `${shown} of ${claims.length} shown`;
  }
  word.addEventListener("input", draw);
  verdict.addEventListener("change", draw);
  draw();
}
document.querySelectorAll(".filter").forEach(filter);
document.querySelectorAll(".explorer").forEach(explorer);

// What has to be moved sideways on a narrow screen is reached by keys.
function reach() {
  document.querySelectorAll("figure, .scroll, pre").forEach((box) => { if (box.scrollWidth > box.clientWidth) box.tabIndex = 0; });
}
reach();
addEventListener("load", reach);
addEventListener("resize", reach);
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
