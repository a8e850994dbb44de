// What every page has: messages, sending photos in batches, and dropping them.

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
  const files = [...form.elements.folder.files, ...form.elements.photo.files]
    .filter((file) => !file.name.startsWith(".") && /^image\/|^$/.test(file.type));
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
    for (const file of files.slice(start, start + batch)) body.append("photo", file, file.webkitRelativePath || file.name);
    await post(`${form.action}/${id}`, body);
    bar.value = Math.min(start + batch, files.length) / files.length;
    words.textContent = `${Math.min(start + batch, files.length)} of ${files.length} photos sent`;
  }
  const body = new FormData();
  body.append("category", form.elements.category.value);
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

const ask = document.getElementById("ask");
if (ask) {
  const input = ask.querySelector("input[name=photo]");
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      ask.classList.toggle("over", kind === "dragover");
      if (kind === "drop" && event.dataTransfer.files.length) {
        input.files = event.dataTransfer.files;
        ask.requestSubmit();
      }
    });
  }
  ask.addEventListener("submit", () => { ask.querySelector(".busy").hidden = false; });
}

// Z takes the last change back wherever the page shows it.
const lastUndo = document.querySelector("[data-undo]");
if (lastUndo) {
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "z" || event.metaKey || event.altKey) return;
    if (event.target.matches("input:not([type=checkbox]), select, textarea")) return;
    if (localStorage.getItem("vicp-letters") === "off" && !event.ctrlKey) return;
    event.preventDefault();
    lastUndo.click();
  });
}
