// The hour's page without reloading: steps, minutes and the slider fetch the scene alone. Without this file all of them are
// ordinary links and forms, and do the same.
"use strict";

let newest = 0;

async function show(address) {
  const number = ++newest;
  const answer = await fetch(address, { headers: { "X-Part": "1" }, credentials: "same-origin" });
  const text = await answer.text();
  if (number !== newest) return; // a later step was asked for meanwhile
  if (!answer.ok || answer.redirected) { location.assign(address); return; }
  const focused = document.activeElement?.closest("#scene [rel]")?.getAttribute("rel");
  document.getElementById("scene").outerHTML = text;
  history.replaceState(null, "", address);
  if (focused) document.querySelector(`#scene [rel="${focused}"]`)?.focus();
}

function inScene(target) {
  const link = target.closest?.("#scene .step, #scene .timeline a");
  return link && link.getAttribute("href");
}

document.addEventListener("click", (event) => {
  const address = inScene(event.target);
  if (!address || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  show(address);
});

const KEYS = { ArrowLeft: ["prev", "back"], ArrowRight: ["next", "on"], j: ["prev", "back"], k: ["next", "on"], J: ["prev", "back"], K: ["next", "on"] };

document.addEventListener("keydown", (event) => {
  if (event.target.matches("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  const names = KEYS[event.key];
  const link = names && document.querySelector(`#scene [rel="${names[event.shiftKey ? 1 : 0]}"]`);
  if (!link) return;
  event.preventDefault();
  show(link.getAttribute("href"));
});

document.querySelector("[data-scrub]")?.addEventListener("input", (event) => {
  const form = event.target.form;
  show(`${form.getAttribute("action")}?${new URLSearchParams(new FormData(form))}`);
});
