// The review queue: the next question is there before the last answer has been saved. Answers wait in this browser's
// storage until the server has them, so that neither a reload nor a killed server loses one.
import { isTyping, lettersOn, reasonOf, say } from "./page.js";

const root = document.getElementById("review");
const { gallery, kind, chosen } = root.dataset;
const api = `/api/v1/galleries/${encodeURIComponent(gallery)}`;
const OUTBOX = `vicp-outbox-${gallery}`;
const [DONE, ANSWERED] = ["done", "answered"].map((what) => `vicp-${what}-${gallery}-${kind}`);
const AHEAD = 6;
const colours = ["#e6194b", "#3cb44b", "#ffe119", "#42a5f5", "#f58231", "#f032e6"];

const read = (store, key) => JSON.parse(store.getItem(key) || "[]");
let queue = [];                        // questions, the first one is shown
let outbox = read(localStorage, OUTBOX);
let done = read(sessionStorage, DONE); // answered here: { question, version }
const answered = new Set(read(sessionStorage, ANSWERED)); // ids, so that an answer on its way is not asked again
let skipped = [];
let at = { left: 0, right: 0 };
let marked = false;
let looking = false;
let away = false;                      // the server did not answer the last time

const keep = () => {
  localStorage.setItem(OUTBOX, JSON.stringify(outbox));
  sessionStorage.setItem(DONE, JSON.stringify(done.slice(-50)));
  sessionStorage.setItem(ANSWERED, JSON.stringify([...answered].slice(-500)));
};
const picture = (photo, size) => `${api}/photos/${photo.key}/image?size=${size}`;
const isKnown = (id) => answered.has(id) || queue.some((each) => each.id === id) ||
  skipped.some((each) => each.id === id) || outbox.some((each) => each.id === id);

function take(questions) {
  for (const question of questions) {
    if (isKnown(question.id)) continue;
    queue.push(question);
    for (const side of ["left", "right"]) new Image().src = picture(question[side].photos[0], "view");
  }
}

async function look() {
  if (looking || queue.length >= AHEAD) return;
  looking = true;
  try {
    const answer = await fetch(`${api}/review/next?kind=${kind}&limit=24&${chosen}`);
    if (!answer.ok) throw new Error(await reasonOf(answer));
    take((await answer.json()).questions);
    away = false;
  } catch {
    away = true;
    setTimeout(look, 1500);
  }
  looking = false;
  if (root.hidden || !queue.length) show();
}

function show() {
  const question = queue[0];
  root.hidden = !question;
  document.getElementById("nothing").hidden = Boolean(question) || looking || away;
  document.getElementById("progress").textContent = words();
  if (!question) return;
  document.getElementById("question").textContent = question.question;
  const number = question.probability ? `${question.probability} likely. ` : "";
  document.getElementById("note").textContent = number + question.note;
  for (const button of root.querySelectorAll("[data-answer]")) button.hidden = !question.answers.includes(button.dataset.answer);
  at = { left: 0, right: 0 };
  marked = false;
  for (const side of ["left", "right"]) paint(side);
}

function words() {
  const parts = [];
  if (done.length) parts.push(`${done.length} answered here`);
  if (outbox.length) parts.push(`${outbox.length} being saved`);
  if (away) parts.push("waiting for the server");
  return parts.join(", ");
}

function paint(side) {
  const { photos, identity } = queue[0][side];
  const figure = root.querySelector(`[data-side=${side}]`);
  const photo = photos[at[side]];
  const image = figure.querySelector(".photo img");
  image.src = picture(photo, marked ? "square" : "view");
  image.alt = `${side === "left" ? "Left" : "Right"}: ${identity || photo.identity || "no name"}, ${photo.file}`;
  figure.querySelector(".photo").classList.toggle("marked", marked);
  const name = kind === "pairs" ? "" : identity;
  const caption = figure.querySelector("figcaption");
  caption.replaceChildren();
  if (name) { const strong = document.createElement("strong"); strong.textContent = `${name} `; caption.append(strong); }
  const date = photo.date.replace(/T(\d\d:\d\d).*/, ", $1");
  caption.append([kind === "pairs" ? "" : photo.file, date, photo.camera, photo.viewpoint].filter(Boolean).join(", "));
  const strip = figure.querySelector(".strip");
  strip.replaceChildren();
  if (photos.length < 2) return;
  photos.forEach((each, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-pressed", String(index === at[side]));
    button.setAttribute("aria-label", `Photo ${index + 1} of ${photos.length}`);
    const small = document.createElement("img");
    small.src = picture(each, "thumb");
    small.alt = "";
    button.append(small);
    button.addEventListener("click", () => { at[side] = index; paint(side); if (marked) mark(); });
    strip.append(button);
  });
}

function turn(side, step) {
  const { length } = queue[0][side].photos;
  at[side] = (at[side] + step + length) % length;
  paint(side);
  if (marked) mark();
}

async function mark() {
  const keys = ["left", "right"].map((side) => queue[0][side].photos[at[side]].key);
  for (const marks of root.querySelectorAll(".marks")) marks.replaceChildren();
  const answer = await fetch(`${api}/compare/${keys[0]}/${keys[1]}/why`);
  if (!answer.ok) { say(await reasonOf(answer)); return; }
  const { matches } = await answer.json();
  if (!matches.length) say("Nothing stands out that looks alike.");
  matches.forEach((match, index) => {
    for (const side of ["left", "right"]) {
      const [x, y] = match[side].map((share) => 100 * share);
      const marks = root.querySelector(`[data-side=${side}] .marks`);
      marks.append(shape("circle", { cx: x, cy: y, r: 4, fill: "none", stroke: "#000", "stroke-width": 1.6 }));
      marks.append(shape("circle", { cx: x, cy: y, r: 4, fill: "none", stroke: colours[index % colours.length], "stroke-width": 1 }));
      const label = shape("text", { x, y: y + 1.6, "font-size": 4.5, "text-anchor": "middle", fill: "#fff", stroke: "#000", "stroke-width": 0.9, "paint-order": "stroke" });
      label.textContent = index + 1;
      marks.append(label);
    }
  });
}

function shape(name, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function why() {
  marked = !marked;
  root.querySelector("[data-why]").setAttribute("aria-pressed", String(marked));
  for (const side of ["left", "right"]) paint(side);
  if (marked) mark();
}

function answer(given) {
  const question = queue[0];
  if (!question || !question.answers.includes(given)) return;
  queue.shift();
  answered.add(question.id);
  outbox.push({
    id: question.id, question, kind: question.kind, answer: given,
    left: question.left.photos.map((each) => each.key), right: question.right.photos.map((each) => each.key),
  });
  keep();
  show();
  send();
  look();
}

let sending = false;
async function send() {
  if (sending) return;
  sending = true;
  while (outbox.length) {
    const { question, id, ...body } = outbox[0];
    let reply;
    try {
      reply = await fetch(`${api}/review`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    } catch { reply = null; }
    if (!reply || [423, 429, 502, 503, 504].includes(reply.status)) {
      say("The server does not answer. Your answers wait here and are sent when it is back.");
      await new Promise((go) => { setTimeout(go, 1500); });
      continue;
    }
    outbox.shift();
    if (reply.ok) {
      const { version, undo: place } = await reply.json();
      if (place) done.push({ question, version });
    } else {
      say(await reasonOf(reply));
    }
    keep();
    document.getElementById("progress").textContent = words();
  }
  sending = false;
  if (!queue.length) look(); // labels that are saved may have opened new questions
}

async function undo() {
  if (outbox.length) { await send(); }
  const last = done.pop();
  if (!last) { say("Nothing was answered here. History takes back older changes."); return; }
  const reply = await fetch(`${api}/undo`, { method: "POST", headers: { "If-Match": `"${last.version}"` } });
  if (!reply.ok) {
    say(reply.status === 412 ? "Something else was changed since: see History." : await reasonOf(reply));
    done.push(last);
    return;
  }
  // What was answered before is one version further now, and can be taken back in its turn.
  const { version } = await reply.json();
  if (done.length) done[done.length - 1].version = version;
  answered.delete(last.question.id);
  keep();
  queue.unshift(last.question);
  show();
  say("Taken back.");
}

function step(forward) {
  if (forward && queue.length > 1) skipped.push(queue.shift());
  else if (!forward && skipped.length) queue.unshift(skipped.pop());
  show();
  look();
}

const keys = {
  y: () => answer("same"), n: () => answer("different"), u: () => answer("unsure"), i: () => answer("new"),
  x: () => answer("aside"), h: why, a: () => turn("left", -1), d: () => turn("left", 1),
  j: () => turn("right", -1), l: () => turn("right", 1), z: undo,
};
document.addEventListener("keydown", (event) => {
  if (isTyping(event)) return;
  const key = event.key.toLowerCase();
  if (event.ctrlKey && key === "z") { event.preventDefault(); undo(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "ArrowLeft" || event.key === "ArrowRight") { event.preventDefault(); step(event.key === "ArrowRight"); return; }
  if (!lettersOn() || (!queue.length && key !== "z")) return;
  if (event.shiftKey && key === "x") { answer("aside_right"); return; }
  if (keys[key]) { event.preventDefault(); keys[key](); }
});
root.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.answer) answer(button.dataset.answer);
  else if ("why" in button.dataset) why();
  else if ("undoAnswer" in button.dataset) undo();
});

for (const each of outbox) delete each.sent;
take(JSON.parse(document.getElementById("first").textContent).questions);
show();
send();
look();
