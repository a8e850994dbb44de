// Keys of the answers: one card is current; a key presses its button.
const cards = () => [...document.querySelectorAll(".answer")];
let current = null;

function choose(card) {
  for (const each of cards()) each.toggleAttribute("data-current", each === card);
  current = card ? card.id : null;
  if (card) { card.focus({ preventScroll: true }); card.scrollIntoView({ block: "nearest" }); }
}

const now = () => document.getElementById(current) ||
  cards().find((card) => !card.hasAttribute("data-decided")) || cards()[0];

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input:not([type=hidden]), select, textarea")) return;
  const card = now();
  if (!card) return;
  const list = cards();
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    event.preventDefault();
    choose(list[Math.min(list.length - 1, Math.max(0, list.indexOf(card) + step))]);
    return;
  }
  const key = event.key.toLowerCase();
  const button = key === "y" ? card.querySelector("[data-first]") : card.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (button) { event.preventDefault(); choose(card); button.click(); }
});

document.body.addEventListener("htmx:afterSwap", () => {
  const card = document.getElementById(current);
  if (!card) return;
  if (card.hasAttribute("data-decided")) {
    const list = cards();
    choose(list.slice(list.indexOf(card)).find((each) => !each.hasAttribute("data-decided")) || card);
  } else {
    choose(card);
  }
});
