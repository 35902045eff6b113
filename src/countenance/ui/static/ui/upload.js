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
  const most = Number(zone.dataset.most || Infinity);
  const tell = (before = "") => {
    const files = inputs.flatMap((field) => [...field.files]);
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
