// Keys of the answers: one card is current, and one of its candidates is marked; a key presses their button.
import { isTyping, lettersOn } from "./page.js";

const cards = () => [...document.querySelectorAll(".answer")];
let current = null;

function choose(card) {
  for (const each of cards()) each.toggleAttribute("data-current", each === card);
  current = card ? card.id : null;
  if (card) { card.focus({ preventScroll: true }); card.scrollIntoView({ block: "nearest" }); }
}

const now = () => document.getElementById(current) ||
  cards().find((card) => !card.hasAttribute("data-decided")) || cards()[0];

function step(list, from, by) {
  return list[Math.min(list.length - 1, Math.max(0, list.indexOf(from) + by))];
}

function markCandidate(card, by) {
  const candidates = [...card.querySelectorAll(".candidate")];
  if (!candidates.length) return;
  const marked = step(candidates, card.querySelector("[data-marked]"), by);
  for (const each of candidates) each.toggleAttribute("data-marked", each === marked);
  marked.scrollIntoView({ block: "nearest" });
}

function showPhoto(button) {
  const card = button.closest(".answer");
  for (const each of card.querySelectorAll("[data-photo]")) each.setAttribute("aria-pressed", String(each === button));
  const image = card.querySelector("[data-shown]");
  image.src = button.dataset.photo;
  image.alt = `The photo ${button.getAttribute("aria-label")}`;
}

function turn(card, by) {
  const photos = [...card.querySelectorAll("[data-photo]")];
  if (photos.length) showPhoto(step(photos, card.querySelector("[data-photo][aria-pressed=true]"), by));
}

function why(card) {
  const place = card.querySelector("[id^=why-]");
  if (!place) return;
  if (place.childElementCount) { place.replaceChildren(); return; }
  card.querySelector("[data-marked]").closest("li").querySelector(".whylink").click();
}

const letters = { a: (card) => turn(card, -1), d: (card) => turn(card, 1), h: why };
const arrows = {
  ArrowDown: (card) => choose(step(cards(), card, 1)), ArrowUp: (card) => choose(step(cards(), card, -1)),
  ArrowLeft: (card) => markCandidate(card, -1), ArrowRight: (card) => markCandidate(card, 1),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
  const card = now();
  if (!card) return;
  if (arrows[event.key]) { event.preventDefault(); choose(card); arrows[event.key](card); return; }
  if (!lettersOn()) return;
  const key = event.key.toLowerCase();
  if (letters[key]) { event.preventDefault(); choose(card); letters[key](card); return; }
  const button = key === "y" ? card.querySelector("[data-marked]") : card.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (button) { event.preventDefault(); choose(card); button.click(); }
});

document.body.addEventListener("click", (event) => {
  const button = event.target.closest("[data-photo]");
  if (button) showPhoto(button);
});

document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id === "more") return; // further answers: nothing that is being looked at moves
  if (event.detail.target.id.startsWith("why-")) { event.detail.target.scrollIntoView({ block: "nearest" }); return; }
  const card = document.getElementById(current);
  if (!card) return;
  if (card.hasAttribute("data-decided")) {
    const list = cards();
    choose(list.slice(list.indexOf(card)).find((each) => !each.hasAttribute("data-decided")) || card);
  } else {
    choose(card);
  }
});
