// The checklist: keys that answer, what is missing in words, and pins, which are kept in a field of their component.
// Without this script it is a plain form; pins that were put before are kept.
"use strict";

const NAMED = 3;

const checklist = (root) => {
  const pair = document.querySelector("[data-pair]");
  const items = [...root.querySelectorAll("[data-component]")];
  const most = Number(root.dataset.mostPins);

  const field = (item) => item.querySelector("input[type=hidden]");
  const pinsOf = (item) => JSON.parse(field(item).value || "[]");
  const radios = (item) => [...item.querySelectorAll("input[type=radio]")];
  const answered = (item) => radios(item).some((radio) => radio.checked);
  let current = items.find((item) => !answered(item)) ?? items[0];
  const focus = (item) => (radios(item).find((radio) => radio.checked) ?? radios(item)[0]).focus();

  const missing = () => {
    const open = items.filter((item) => !answered(item)).map((item) => item.dataset.label);
    if (!open.length) return `All ${items.length} components are answered.`;
    if (open.length > NAMED) return `${open.length} components are still to be answered. Next: ${open[0]}.`;
    return `Still to be answered: ${open.join(", ")}.`;
  };

  const count = () => {
    const done = items.filter(answered).length;
    root.querySelector("[data-done]").textContent = `${done} of ${items.length}`;
    root.querySelector("[data-progress]").value = done;
    document.querySelector("[data-missing]").textContent = missing();
  };

  const summary = (item) => {
    const pins = pinsOf(item).length;
    const words = item.querySelector("textarea").value.trim() ? ["Note"] : [];
    if (pins) words.push(pins === 1 ? "1 pin" : `${pins} pins`);
    item.querySelector("[data-summary]").textContent = words.join(", ") || "Add a note";
  };

  const list = (item) => {
    const rows = pinsOf(item).map((_, index) => {
      const row = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.className = "btn small";
      button.textContent = `Remove pin ${index + 1}`;
      button.addEventListener("click", () => {
        keep(item, pinsOf(item).filter((_pin, place) => place !== index));
        item.querySelector("[data-put]").focus();
      });
      row.append(button);
      return row;
    });
    item.querySelector("[data-pin-list]").replaceChildren(...rows);
  };

  const tell = () => {
    const pins = items.flatMap((item) => pinsOf(item).map(([x, y, probe = 1, photo = 1], index) => (
      { x, y, probe, photo, number: index + 1, name: item.dataset.label, current: item === current })));
    for (const item of items) item.toggleAttribute("data-current", item === current);
    pair?.dispatchEvent(new CustomEvent("pins", { detail: { pins, naming: current.dataset.label.toLowerCase() } }));
  };

  const keep = (item, pins) => {
    field(item).value = JSON.stringify(pins);
    field(item).dispatchEvent(new Event("change", { bubbles: true }));
    list(item);
    summary(item);
    tell();
  };

  root.addEventListener("focusin", (event) => {
    const item = event.target.closest("[data-component]");
    if (!item || item === current) return;
    current = item;
    tell();
  });
  root.addEventListener("keydown", (event) => {
    const item = event.target.closest("[data-component]");
    if (!item || event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("textarea")) return;
    const radio = radios(item)[Number(event.key) - 1];
    if (!radio) return;
    event.preventDefault();
    radio.click();
    focus(items[items.indexOf(item) + 1] ?? item);
  });
  root.addEventListener("input", (event) => {
    const item = event.target.closest("[data-component]");
    if (item) summary(item);
    count();
  });
  root.addEventListener("click", (event) => {
    if (event.target.closest("[data-put]")) pair?.dispatchEvent(new CustomEvent("pinning"));
  });
  pair?.addEventListener("pin", (event) => {
    const pins = pinsOf(current);
    if (pins.length < most) keep(current, [...pins, event.detail]);
  });
  pair?.addEventListener("pinned", () => focus(current));

  for (const part of root.querySelectorAll("[data-scripted]")) part.hidden = !pair;
  items.forEach(list);
  count();
  tell();
  // Whoever comes from another of our pages goes on answering at once; an error that is shown keeps the focus.
  if (!answered(current) && document.referrer.startsWith(location.origin) && document.activeElement === document.body) {
    radios(current)[0].focus({ preventScroll: true });
  }
};

for (const root of document.querySelectorAll("[data-checklist]")) checklist(root);
