// Marks on the picture that mend a mask: clicks, boxes and strokes, by pointer or by keyboard. They are sent as
// fractions of the picture. Runs beside screen.js, which scrolls.
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
let stroke = null, cross = [0.5, 0.5], corner = null;

function place() {
  const spot = element.querySelector(".screen[data-mark]");
  const image = spot?.querySelector("img");
  if (!image?.naturalWidth || spot.dataset.mark === "look") return null;
  const box = image.getBoundingClientRect();
  const scale = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
  const [width, height] = [image.naturalWidth * scale, image.naturalHeight * scale];
  const [left, top] = [box.left + (box.width - width) / 2, box.top + (box.height - height) / 2];
  return { spot, mark: spot.dataset.mark, left, top, width, height, brush: Number(spot.dataset.brush) * width };
}

function fraction(event, p) {
  const clamp = (value) => Math.min(Math.max(value, 0), 1);
  return [clamp((event.clientX - p.left) / p.width), clamp((event.clientY - p.top) / p.height)];
}

function draw(p, points, crossed) {
  let sheet = p.spot.querySelector("svg");
  if (!sheet) {
    sheet = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    sheet.setAttribute("aria-hidden", "true");
    p.spot.append(sheet);
  }
  const own = p.spot.getBoundingClientRect();
  const at = ([x, y]) => [p.left - own.left + x * p.width, p.top - own.top + y * p.height];
  const parts = [];
  if (points.length && p.mark === "box") {
    const [[a, b], [c, d]] = [at(points[0]), at(points.at(-1))];
    parts.push(`<rect x="${Math.min(a, c)}" y="${Math.min(b, d)}" width="${Math.abs(c - a)}" height="${Math.abs(d - b)}"/>`);
  } else if (points.length) {
    const width = ["paint", "erase"].includes(p.mark) ? 2 * p.brush : 8;
    parts.push(`<polyline class="stroke" stroke-width="${width}" points="${[points[0], ...points].map((q) => at(q).join()).join(" ")}"/>`);
  }
  if (crossed) {
    const [x, y] = at(cross);
    parts.push(`<path d="M${x - 9} ${y}h18M${x} ${y - 9}v18"/>`);
  }
  sheet.innerHTML = parts.join("");
}

function done(points, other) {
  stroke = corner = null;
  trigger("select", { points, other });
}

element.addEventListener("pointerdown", (event) => {
  const p = place();
  if (!p || event.button !== 0 || !event.target.closest(".screen")) return;
  stroke = { points: [fraction(event, p)], other: event.shiftKey, mark: p.mark };
  p.spot.setPointerCapture(event.pointerId);
  draw(p, stroke.points, false);
});
element.addEventListener("pointermove", (event) => {
  const p = stroke && place();
  if (!p) return;
  const here = fraction(event, p), last = stroke.points.at(-1);
  const far = Math.hypot((here[0] - last[0]) * p.width, (here[1] - last[1]) * p.height) > p.brush / 2;
  if (p.mark === "box") stroke.points[1] = here;
  else if (["paint", "erase"].includes(p.mark) && far) stroke.points.push(here);
  draw(p, stroke.points, false);
});
element.addEventListener("pointerup", () => {
  if (!stroke) return;
  const { points, other, mark } = stroke;
  if (mark !== "box" || points.length > 1) done(points, other);
  else stroke = null;
});
element.addEventListener("pointercancel", () => { stroke = null; });
element.addEventListener("keydown", (event) => {
  const p = place();
  if (!p) return;
  if (event.key in MOVES) {
    const step = event.ctrlKey ? 0.002 : 0.02;
    cross = cross.map((value, axis) => Math.min(Math.max(value + step * MOVES[event.key][axis], 0), 1));
  } else if (event.key === "Enter" || event.key === " ") {
    if (p.mark === "box" && !corner) corner = cross;
    else done(corner ? [corner, cross] : [cross], event.shiftKey);
  } else if (event.key === "Escape") {
    corner = null;
  } else {
    return;
  }
  event.preventDefault();
  event.stopImmediatePropagation();
  draw(p, corner ? [corner, cross] : [], true);
}, true);
