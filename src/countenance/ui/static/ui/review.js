// The comparison viewer: all photos share one viewBox, in face units (1 = the distance between the eyes).
// Without this script they are shown aligned, side by side, and "Show originals" is a link.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const LEAST = 400; // ms between two switches: 2.5 a second, whoever asks; WCAG 2.3.1 draws the line at three flashes.
const CLICK = 4; // px that a pointer may wander and still click.
const FARTHEST = 6; // face units from the middle that a pin may lie.
const WRITES = "select, textarea, input:not([type=radio], [type=checkbox], [type=range])";
const KEYS = {
  "+": "in", "=": "in", "-": "out", 0: "fit", g: "guides", o: "originals", f: "flicker", s: "split", x: "switch", p: "pin",
  ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down", Enter: "put", Escape: "stop",
};

const make = (name, attributes, text) => {
  const element = document.createElementNS(SVG, name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (text !== undefined) element.textContent = text;
  return element;
};

const clamp = (value, least, most) => Math.min(most, Math.max(least, value));

const view = (root) => {
  const one = (selector) => root.querySelector(selector);
  const stage = one("[data-stage]");
  const views = [...stage.querySelectorAll("svg")];
  const faces = views.map((svg) => svg.querySelector("[data-face]"));
  const curtain = one("[data-curtain]");
  const pinButton = one("[data-act=pin]");
  const originals = one("[data-originals]");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const [left, top, width, height] = views[0].getAttribute("viewBox").split(" ").map(Number);
  const home = { x: left + width / 2, y: top + height / 2, w: width };
  const cross = { x: 0, y: 0 };
  let at = { ...home };
  let pinning = false;
  let paused = false;
  let naming = "";
  let timer = 0;
  let switched = -LEAST;

  const mode = () => one("[name=view]:checked")?.value ?? "side";
  const say = (words) => { one("[data-says]").textContent = words; };
  const within = (element, x, y) => new DOMPoint(x, y).matrixTransform(element.getScreenCTM().inverse());

  // Pins, cross and numbers keep their size, however far the photo is zoomed.
  const place = (element, face, x, y) => {
    element.setAttribute("transform", `translate(${x} ${y}) scale(${1 / face.getScreenCTM().a})`);
  };

  // The photos as they were taken are fetched once they are asked for. Nothing is marked on them.
  const fetchOriginals = () => {
    if (!originals.checked) return;
    for (const image of stage.querySelectorAll("[data-href]")) {
      image.setAttribute("href", image.dataset.href);
      image.removeAttribute("data-href");
    }
    if (pinning) pin(false);
  };

  const words = () => {
    const times = home.w / at.w;
    if (Math.abs(times - 1) > 0.01) return `${times.toFixed(1)} times`;
    return at.x === home.x && at.y === home.y ? "Whole face" : "Moved";
  };

  const show = () => {
    fetchOriginals();
    at = { x: clamp(at.x, -5, 5), y: clamp(at.y, -5, 6), w: clamp(at.w, 0.15, 12) };
    const high = at.w * height / width;
    const box = [at.x - at.w / 2, at.y - high / 2, at.w, high].map((value) => value.toFixed(5)).join(" ");
    for (const svg of views) svg.setAttribute("viewBox", box);
    one("[data-zoom]").textContent = words();
    if (curtain) {
      const area = stage.getBoundingClientRect();
      const edge = within(views[1], area.left + area.width * curtain.value / 100, area.top).x;
      one("#pair-curtain rect").setAttribute("x", edge.toFixed(5));
      curtain.setAttribute("aria-valuetext", `Candidate from ${Math.round(curtain.value)} of 100`);
    }
    for (const face of faces) {
      for (const pin of face.querySelectorAll("[data-x]")) place(pin, face, pin.dataset.x, pin.dataset.y);
      place(face.querySelector("[data-cross]"), face, cross.x, cross.y);
    }
  };

  const zoom = (factor, point = at) => {
    const w = clamp(at.w / factor, 0.15, 12);
    const ratio = w / at.w;
    at = { x: point.x + (at.x - point.x) * ratio, y: point.y + (at.y - point.y) * ratio, w };
  };

  const swap = () => {
    if (mode() !== "flicker" || performance.now() - switched < LEAST) return;
    switched = performance.now();
    stage.dataset.shows = stage.dataset.shows === "0" ? "1" : "0";
  };

  const pace = () => {
    clearTimeout(timer);
    const runs = mode() === "flicker" && !paused && !calm.matches;
    if (runs) timer = setTimeout(() => { swap(); pace(); }, Math.max(LEAST, one("[data-pace]").value));
    stage.dataset.mode = mode();
    const pause = one("[data-pause]");
    if (!pause) return;
    pause.textContent = paused ? "Go on" : "Pause";
    pause.hidden = one("[data-pace]").hidden = calm.matches;
  };

  const look = (name) => {
    const radio = one(`[name=view][value=${mode() === name ? "side" : name}]`);
    if (!radio) return;
    radio.checked = true;
    paused = false;
    pace();
    show();
    say(radio.parentElement.textContent);
  };

  const pin = (on) => {
    pinning = on;
    stage.classList.toggle("pinning", on);
    pinButton.setAttribute("aria-pressed", on);
    if (!on) return;
    Object.assign(cross, { x: at.x, y: at.y });
    originals.checked = false; // Pins lie on the faces as they are aligned.
    say(`Pinning ${naming}: move the cross with the arrows, put a pin with Enter, end with Escape.`);
  };

  const put = () => {
    if (!pinning || Math.max(Math.abs(cross.x), Math.abs(cross.y)) > FARTHEST) return;
    const [x, y] = [cross.x, cross.y].map((value) => Number(value.toFixed(3)));
    root.dispatchEvent(new CustomEvent("pin", { detail: [x, y, Number(stage.dataset.probe), Number(stage.dataset.photo)] }));
  };

  const move = (x, y) => {
    if (!pinning) {
      at.x += x * at.w / 10;
      at.y += y * at.w / 10;
      return;
    }
    cross.x += x * at.w / 60;
    cross.y += y * at.w / 60;
    const [across, down] = [at.w * 0.48, at.w * 0.48 * height / width];
    at.x = clamp(at.x, cross.x - across, cross.x + across);
    at.y = clamp(at.y, cross.y - down, cross.y + down);
  };

  const acts = {
    in: () => zoom(1.25), out: () => zoom(1 / 1.25), fit: () => { at = { ...home }; },
    left: () => move(-1, 0), right: () => move(1, 0), up: () => move(0, -1), down: () => move(0, 1),
    guides: () => { one("[data-guides]").checked = !one("[data-guides]").checked; }, originals: () => { originals.checked = !originals.checked; },
    flicker: () => look("flicker"), split: () => look("split"),
    switch: () => { swap(); if (mode() === "flicker") say(views[stage.dataset.shows].getAttribute("aria-label")); },
    pause: () => { paused = !paused; pace(); },
    pin: () => { if (pinButton.hidden) return; pin(!pinning); if (pinning) stage.focus(); }, put,
    stop: () => { if (pinning) { pin(false); root.dispatchEvent(new CustomEvent("pinned")); } },
  };

  root.addEventListener("click", (event) => {
    const button = event.target.closest("[data-act]");
    if (!button) return;
    acts[button.dataset.act]();
    show();
  });
  // Keys count while something on the page's own part is focused, such as an answer, but never where one writes.
  root.closest("main").addEventListener("keydown", (event) => {
    const act = KEYS[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey || event.target.matches(WRITES)) return;
    // Buttons, radio buttons and the divider have arrows and Enter of their own.
    if (event.target !== stage && /^(Arrow|Enter)/.test(event.key)) return;
    if (event.repeat && ["flicker", "split", "pin", "originals", "guides"].includes(act)) return;
    event.preventDefault();
    acts[act]();
    show();
  });
  root.addEventListener("input", () => { paused = false; pace(); show(); });
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 30 : 1;
    const svg = under(event.clientX, event.clientY);
    zoom(Math.exp(clamp(-event.deltaY * lines, -200, 200) / 500), within(svg, event.clientX, event.clientY));
    show();
  }, { passive: false });

  // The photo that is seen at a point of the window.
  const under = (x, y) => {
    if (mode() === "flicker") return views[Number(stage.dataset.shows)];
    const area = stage.getBoundingClientRect();
    const cut = mode() === "split" ? curtain.value / 100 : 0.5;
    return views[views.length > 1 && x - area.left > area.width * cut ? 1 : 0];
  };
  const aim = (event) => {
    const svg = under(event.clientX, event.clientY);
    const { x, y } = within(faces[views.indexOf(svg)], event.clientX, event.clientY);
    Object.assign(cross, { x, y });
  };

  // One finger, or the mouse, moves; two move and zoom about the point between them.
  const fingers = new Map();
  let wandered = 0;
  const grip = () => {
    const points = [...fingers.values()];
    const x = points.reduce((sum, point) => sum + point.x, 0) / points.length;
    const y = points.reduce((sum, point) => sum + point.y, 0) / points.length;
    return { x, y, spread: points.reduce((sum, point) => sum + Math.hypot(point.x - x, point.y - y), 0) / points.length };
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.button || event.target === curtain) return;
    stage.setPointerCapture(event.pointerId);
    wandered = fingers.size ? Infinity : 0;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });
  stage.addEventListener("pointermove", (event) => {
    if (fingers.has(event.pointerId)) {
      const before = grip();
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      const after = grip();
      const from = within(views[0], before.x, before.y);
      const to = within(views[0], after.x, after.y);
      at.x += from.x - to.x;
      at.y += from.y - to.y;
      if (before.spread) zoom(after.spread / before.spread, within(under(after.x, after.y), after.x, after.y));
      wandered += Math.hypot(after.x - before.x, after.y - before.y);
    }
    if (pinning) aim(event);
    show();
  });
  const lift = (event) => {
    if (!fingers.delete(event.pointerId) || event.type === "pointercancel" || wandered > CLICK) return;
    if (pinning) {
      aim(event);
      put();
    } else if (mode() === "split") {
      const area = stage.getBoundingClientRect();
      curtain.value = (event.clientX - area.left) / area.width * 100;
    }
    show();
  };
  stage.addEventListener("pointerup", lift);
  stage.addEventListener("pointercancel", lift);
  // Also the way to move without dragging.
  stage.addEventListener("dblclick", (event) => {
    if (pinning || event.target === curtain) return;
    const { x, y } = within(under(event.clientX, event.clientY), event.clientX, event.clientY);
    at = { x, y, w: at.w / 1.5 };
    show();
  });

  root.addEventListener("pins", (event) => {
    naming = event.detail.naming;
    pinButton.hidden = false;
    pinButton.textContent = `Pin ${naming}`;
    for (const [place, face] of faces.entries()) {
      const own = event.detail.pins.filter((pin) => String(place ? pin.photo : pin.probe) === (place ? stage.dataset.photo : stage.dataset.probe));
      face.querySelector("[data-pins]").replaceChildren(...own.map((pin) => {
        const group = make("g", { class: pin.current ? "pin current" : "pin", "data-x": pin.x, "data-y": pin.y });
        group.append(make("title", {}, `${pin.name}, pin ${pin.number}`), make("circle", { r: 5 }),
          make("rect", { x: 5, y: -23, width: 20, height: 18, rx: 4 }), make("text", { x: 15, y: -14 }, pin.number));
        return group;
      }));
    }
    show();
  });
  root.addEventListener("pinning", () => { pin(true); stage.focus(); show(); });
  calm.addEventListener("change", pace);
  new ResizeObserver(show).observe(stage);
  for (const part of root.querySelectorAll("[data-scripted]")) part.hidden = part === pinButton;
  pace();
  show();
};

for (const root of document.querySelectorAll("[data-pair]")) view(root);
