// What every page has: messages, the list of keys, sending photos in batches, and dropping photos or folders.

export function say(text) {
  const place = document.getElementById("message");
  place.textContent = text;
  place.hidden = false;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { place.hidden = true; }, 8000);
}

export async function reasonOf(answer) {
  try {
    return (await answer.json()).detail;
  } catch {
    return `The server answered ${answer.status}.`;
  }
}

export const lettersOn = () => localStorage.getItem("vicp-letters") !== "off";
export const isTyping = (event) => event.target.matches("input:not([type=checkbox], [type=radio]), select, textarea");

const keyList = document.getElementById("keys");
function toggleKeys() {
  keyList.hidden = !keyList.hidden;
  document.querySelector("[data-keys]").setAttribute("aria-expanded", String(!keyList.hidden));
  if (!keyList.hidden) keyList.scrollIntoView({ block: "nearest" });
}
if (keyList) {
  const letters = document.getElementById("letters");
  letters.checked = lettersOn();
  letters.addEventListener("change", () => localStorage.setItem("vicp-letters", letters.checked ? "on" : "off"));
  document.querySelector("[data-keys]").addEventListener("click", toggleKeys);
  document.addEventListener("keydown", (event) => {
    if (event.key === "?" && !isTyping(event)) toggleKeys();
  });
}

document.body.addEventListener("htmx:responseError", (event) => {
  let text = "That did not work.";
  try { text = JSON.parse(event.detail.xhr.responseText).detail; } catch { /* not a problem document */ }
  say(text);
});
document.body.addEventListener("htmx:sendError", () => say("The server does not answer. It is asked again when you try again."));

async function post(address, body) {
  const answer = await fetch(address, { method: "POST", body });
  if (!answer.ok) throw new Error(await reasonOf(answer));
  return answer.json();
}

async function sendFolder(form) {
  const files = chosenFiles(form).filter(isPhoto);
  if (!files.length) { say("Choose a folder or photos first."); return; }
  const progress = form.querySelector(".progress");
  const [bar, words] = [progress.querySelector("progress"), progress.querySelector("span")];
  progress.hidden = false;
  form.querySelector("button").disabled = true;
  words.textContent = "Preparing…";
  const { id } = await post(form.action, new FormData());
  const batch = Number(form.dataset.batch);
  for (let start = 0; start < files.length; start += batch) {
    const body = new FormData();
    for (const { file, path } of files.slice(start, start + batch)) body.append("photo", file, path);
    await post(`${form.action}/${id}`, body);
    bar.value = Math.min(start + batch, files.length) / files.length;
    words.textContent = `${Math.min(start + batch, files.length)} of ${files.length} photos sent`;
  }
  const body = new FormData();
  for (const name of ["category", "camera", "viewpoint"]) body.append(name, form.elements[name].value);
  location.assign((await post(`${form.action}/${id}/done`, body)).address);
}

const add = document.getElementById("add");
if (add) {
  add.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await sendFolder(add);
    } catch (error) {
      say(error.message);
      add.querySelector("button").disabled = false;
    }
  });
}

// A file or all files below a folder that was dropped, each with its path.
async function dropped(entry) {
  if (entry.isFile) {
    const file = await new Promise((found, failed) => { entry.file(found, failed); });
    return [{ file, path: entry.fullPath.replace(/^\//, "") }];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) { // a hundred entries at a time
    const entries = await new Promise((some, failed) => { reader.readEntries(some, failed); });
    if (!entries.length) return found;
    for (const each of entries) found.push(...await dropped(each));
  }
}

const isPhoto = ({ file }) => !file.name.startsWith(".") && /^image\/|^$/.test(file.type);
const chosenFiles = (form) => [...form.querySelectorAll("input[type=file]")].flatMap((input) => [...input.files])
  .map((file) => ({ file, path: file.webkitRelativePath || file.name }));

const ask = document.getElementById("ask");
async function sendQuestion(files) {
  const photos = files.filter(isPhoto);
  if (!photos.length) { say("Choose photos first, or drop some here."); return; }
  ask.querySelector(".busy").hidden = false;
  const body = new FormData();
  for (const [name, value] of new FormData(ask)) if (typeof value === "string") body.append(name, value);
  for (const { file, path } of photos) body.append("photo", file, path);
  try {
    const answer = await fetch(ask.action, { method: "POST", body, headers: { "HX-Request": "true" } });
    if (!answer.ok) throw new Error(await reasonOf(answer));
    location.assign(answer.headers.get("HX-Redirect"));
  } catch (error) {
    ask.querySelector(".busy").hidden = true;
    say(error instanceof TypeError ? "The server does not answer. Try again when it is back." : error.message);
  }
}
if (ask) {
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, async (event) => {
      event.preventDefault();
      ask.classList.toggle("over", kind === "dragover");
      if (kind !== "drop") return;
      const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
      const plain = [...event.dataTransfer.files].map((file) => ({ file, path: file.name }));
      sendQuestion(entries.length ? (await Promise.all(entries.map(dropped))).flat() : plain);
    });
  }
  ask.addEventListener("submit", (event) => { event.preventDefault(); sendQuestion(chosenFiles(ask)); });
}

// Z takes the last change back wherever the page shows it.
const lastUndo = document.querySelector("[data-undo]");
if (lastUndo) {
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "z" || event.metaKey || event.altKey) return;
    if (isTyping(event) || (!lettersOn() && !event.ctrlKey)) return;
    event.preventDefault();
    lastUndo.click();
  });
}
