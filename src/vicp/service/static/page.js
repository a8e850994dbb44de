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

// Photos in as many parts as the limits of one question make them; those of a folder stay together where they fit.
function inParts(photos, most, mostBytes) {
  const folders = new Map();
  for (const photo of photos) {
    const folder = photo.path.split("/").slice(0, -1).join("/");
    if (!folders.has(folder)) folders.set(folder, []);
    folders.get(folder).push(photo);
  }
  const parts = [];
  let room = { photos: 0, bytes: 0 };
  const fits = (group) => group.length <= room.photos && group.reduce((sum, { file }) => sum + file.size, 0) <= room.bytes;
  const begin = () => { parts.push([]); room = { photos: most, bytes: mostBytes }; };
  for (const group of folders.values()) {
    if (!fits(group)) begin();
    for (const photo of group) {
      if (!fits([photo])) begin();
      parts[parts.length - 1].push(photo);
      room = { photos: room.photos - 1, bytes: room.bytes - photo.file.size };
    }
  }
  return parts;
}

async function sendPart(photos) {
  const body = new FormData();
  for (const [name, value] of new FormData(ask)) if (typeof value === "string") body.append(name, value);
  for (const { file, path } of photos) body.append("photo", file, path);
  const answer = await fetch(ask.action, { method: "POST", body, headers: { "HX-Request": "true" } });
  if (!answer.ok) throw new Error(await reasonOf(answer));
  return answer.headers.get("HX-Redirect");
}

async function sendQuestion(files) {
  const photos = files.filter(isPhoto);
  if (!photos.length) { say("Choose photos first, or drop some here."); return; }
  const parts = inParts(photos, Number(ask.dataset.photos), 0.95 * ask.dataset.bytes);
  const busy = ask.querySelector(".busy");
  busy.hidden = false;
  let sent = 0;
  try {
    let address;
    for (const part of parts) {
      busy.textContent = parts.length > 1 ? `Sending part ${sent + 1} of ${parts.length}…` : "Sending…";
      address = await sendPart(part);
      sent += 1;
    }
    location.assign(sent > 1 ? `${ask.action}?parts=${sent}` : address);
  } catch (error) {
    busy.hidden = true;
    const earlier = sent ? ` The first ${sent} of ${parts.length} parts were sent and are under “Asked before”.` : "";
    say((error instanceof TypeError ? "The server does not answer. Try again when it is back." : error.message) + earlier);
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
