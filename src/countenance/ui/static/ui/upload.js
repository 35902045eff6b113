// Drop, paste and folders for file fields. Without this script the fields work as they are.
"use strict";

const words = (files) => {
  if (!files.length) return "";
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  const what = files.length === 1 ? files[0].name : `${files.length} files`;
  return `${what}, ${bytes < 1e5 ? `${Math.ceil(bytes / 1e3)} KB` : `${(bytes / 1e6).toFixed(1)} MB`}`;
};

// So many pictures are shown before they are sent, each at most so high.
const MOST_SHOWN = 12;
const HIGH = 240;

const picture = async (file) => {
  const image = await createImageBitmap(file);
  const canvas = document.createElement("canvas");
  const scale = Math.min(1, HIGH / image.height, (2 * HIGH) / image.width);
  canvas.width = Math.max(1, Math.round(image.width * scale));
  canvas.height = Math.max(1, Math.round(image.height * scale));
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  image.close();
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", file.name);
  return canvas;
};

for (const zone of document.querySelectorAll("[data-drop]")) {
  const inputs = [...zone.querySelectorAll("input[type=file]")];
  const [input] = inputs;
  const chosen = zone.querySelector("[data-chosen]");
  const paths = zone.closest("form").querySelector("input[name=paths]");
  const most = Number(zone.dataset.most || Infinity);
  const shown = zone.querySelector("[data-shown]");
  let turn = 0;
  // What the browser cannot read, such as HEIC, is sent without having been shown.
  const show = async (files) => {
    const mine = ++turn;
    const drawn = await Promise.allSettled(files.slice(0, MOST_SHOWN).map(picture));
    if (mine !== turn) return;
    shown.replaceChildren(...drawn.flatMap((one) => (one.status === "fulfilled" ? [one.value] : [])));
    shown.hidden = !shown.childElementCount;
  };
  const tell = (before = "") => {
    const files = inputs.flatMap((field) => [...field.files]);
    if (shown) show(files.filter((file) => file.size <= most * 1e6));
    const large = files.find((file) => file.size > most * 1e6);
    const problem = large ? `${words([large])}: at most ${most} MB are read. Choose a smaller file.` : "";
    input.setCustomValidity(problem);
    chosen.textContent = problem || [before, words(files)].filter(Boolean).join(" ");
    if (paths) paths.value = JSON.stringify(files.map((file) => file.webkitRelativePath || file.name));
  };
  const take = (files, how) => {
    if (!files.length) {
      chosen.textContent = `Nothing was ${how} that is a file. Save the photo first, then choose it.`;
      return;
    }
    if (input.multiple || files.length === 1) {
      input.files = files;
      tell();
      return;
    }
    const first = new DataTransfer();
    first.items.add(files[0]);
    input.files = first.files;
    tell(`Of ${files.length} files the first one is taken:`);
  };
  for (const hint of zone.querySelectorAll("[data-hint], [data-folder]")) hint.hidden = false;
  for (const field of inputs) field.addEventListener("change", () => tell());
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    take(event.dataTransfer.files, "dropped");
  });
  if ("paste" in zone.dataset) {
    document.addEventListener("paste", (event) => {
      // What is pasted into a text field belongs there.
      if (event.target.closest("input:not([type=file]), textarea")) return;
      event.preventDefault();
      take(event.clipboardData.files, "pasted");
    });
  }
}
