// Drop, paste and folders for file fields. Without this script the fields work as they are.
"use strict";

const words = (files) => {
  if (!files.length) return "";
  const size = files.reduce((sum, file) => sum + file.size, 0) / 1e6;
  const what = files.length === 1 ? files[0].name : `${files.length} files`;
  return `${what}, ${size.toFixed(1)} MB`;
};

for (const zone of document.querySelectorAll("[data-drop]")) {
  const inputs = [...zone.querySelectorAll("input[type=file]")];
  const [input] = inputs;
  const chosen = zone.querySelector("[data-chosen]");
  const paths = zone.closest("form").querySelector("input[name=paths]");
  const tell = () => {
    const files = inputs.flatMap((field) => [...field.files]);
    chosen.textContent = words(files);
    if (paths) paths.value = JSON.stringify(files.map((file) => file.webkitRelativePath || file.name));
  };
  const take = (files) => {
    if (!files.length) return;
    input.files = files;
    tell();
  };
  for (const hint of zone.querySelectorAll("[data-hint], [data-folder]")) hint.hidden = false;
  for (const field of inputs) field.addEventListener("change", tell);
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    take(event.dataTransfer.files);
  });
  if ("paste" in zone.dataset) {
    document.addEventListener("paste", (event) => take(event.clipboardData.files));
  }
}
