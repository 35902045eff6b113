// Shows the photo in the light that is being chosen, before a copy is made. Without this script nothing is shown first.
"use strict";

(() => {
  const image = document.querySelector("[data-drawable] image");
  const form = document.querySelector("form[data-light]");
  if (!image || !form) return;
  const svg = image.ownerSVGElement;
  const make = (name, parent) => parent.appendChild(document.createElementNS(svg.namespaceURI, name));
  const filter = make("filter", svg);
  filter.id = "light";
  filter.setAttribute("color-interpolation-filters", "sRGB");
  const transfer = make("feComponentTransfer", filter);
  const curves = ["R", "G", "B"].map((channel) => make(`feFunc${channel}`, transfer));
  for (const curve of curves) curve.setAttribute("type", "table");

  // The curve with which the copy is made: faces/picture.py, light_curve.
  const curved = (value, brightness, contrast) => {
    const light = value ** (Math.SQRT2 ** -brightness);
    const power = Math.SQRT2 ** contrast;
    return light < 0.5 ? (2 * light) ** power / 2 : 1 - (2 * (1 - light)) ** power / 2;
  };
  const show = () => {
    const [brightness, contrast] = [...form.querySelectorAll("select")].map((field) => Number(field.value));
    const table = Array.from({ length: 65 }, (_, step) => curved(step / 64, brightness, contrast).toFixed(4));
    for (const curve of curves) curve.setAttribute("tableValues", table.join(" "));
    if (brightness || contrast) image.setAttribute("filter", "url(#light)");
    else image.removeAttribute("filter");
  };
  form.addEventListener("input", show);
  form.querySelector("[data-hint]").hidden = false;
  show();
})();
