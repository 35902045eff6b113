// Draws the box of a form on the photo: by dragging, or as its numbers change. Without this script the numbers do.
"use strict";

(() => {
  const stage = document.querySelector("[data-drawable]");
  const svg = stage && stage.querySelector("svg");
  if (!svg) return;
  const [across, down] = [Number(stage.dataset.width), Number(stage.dataset.height)];
  const scale = across / svg.viewBox.baseVal.width;
  const edge = document.createElementNS(svg.namespaceURI, "rect");
  const box = document.createElementNS(svg.namespaceURI, "rect");
  edge.setAttribute("class", "drawn-edge");
  box.setAttribute("class", "drawn");
  let active = null;

  const clamp = (value, most) => Math.min(Math.max(Math.round(value), 0), most);
  const numbers = (fields) => fields.map((field) => (field.value === "" ? NaN : Number(field.value)));
  const show = () => {
    const [x, y, width, height] = active ? numbers(active.fields) : [];
    if (!(width > 0 && height > 0 && x >= 0 && y >= 0)) {
      edge.remove();
      box.remove();
      return;
    }
    for (const one of [edge, box]) {
      const values = { x, y, width, height };
      for (const [name, value] of Object.entries(values)) one.setAttribute(name, value / scale);
      svg.append(one);
    }
  };
  const fill = (left, top, right, bottom) => {
    const [x, y] = [clamp(Math.min(left, right), across), clamp(Math.min(top, bottom), down)];
    const ends = [clamp(Math.max(left, right), across), clamp(Math.max(top, bottom), down)];
    const values = [x, y, ends[0] - x, ends[1] - y];
    active.fields.forEach((field, index) => { field.value = values[index]; });
    show();
  };
  const place = (event) => {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    return [point.x * scale, point.y * scale];
  };

  const tools = [...document.querySelectorAll("form[data-draw]")].map((form) => ({
    details: form.closest("details"),
    fields: ["x", "y", "width", "height"].map((name) => form.querySelector(`[name$="-${name}"]`)),
    hints: form.querySelectorAll("[data-hint]"),
    middle: form.querySelector("[data-middle]"),
  }));
  const choose = (tool) => {
    active = tool.details.open ? tool : active === tool ? null : active;
    stage.classList.toggle("drawing", active !== null);
    show();
  };
  for (const tool of tools) {
    for (const hint of tool.hints) hint.hidden = false;
    tool.details.addEventListener("toggle", () => choose(tool));
    tool.middle.addEventListener("click", () => {
      const half = Math.min(across, down) / 8;
      fill(across / 2 - half, down / 2 - half, across / 2 + half, down / 2 + half);
      tool.fields[0].focus();
    });
    for (const field of tool.fields) {
      field.addEventListener("input", show);
      field.addEventListener("keydown", (event) => {
        const way = { ArrowUp: 1, ArrowDown: -1 }[event.key];
        if (!event.shiftKey || !way) return;
        event.preventDefault();
        const step = Math.max(across, down) / 40;
        field.value = clamp(Number(field.value) + way * step, Math.max(across, down));
        show();
      });
    }
    if (tool.details.open) choose(tool);
  }

  let start = null;
  svg.addEventListener("pointerdown", (event) => {
    if (!active || event.button !== 0) return;
    event.preventDefault();
    start = place(event);
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    if (start) fill(...start, ...place(event));
  });
  const end = () => { start = null; };
  svg.addEventListener("pointerup", end);
  svg.addEventListener("pointercancel", end);
})();
