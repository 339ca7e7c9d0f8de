// The chart of mIoU against speed, drawn anew for each choice; without it the tables still read.
const SPACE = { left: 48, right: 16, top: 14, bottom: 42 };
const REACH = 7;  // pixels around a point that no name covers
// where a name may stand: pixels to the right and down of its point, and which end of the text is there
const BESIDE = [[10, 4, "start"], [-10, 4, "end"], [0, -11, "middle"], [0, 20, "middle"], [8, -10, "start"], [-8, -10, "end"],
  [8, 19, "start"], [-8, 19, "end"]];
const APART = [28, 44, 60].flatMap((far) => [[far, -far, "start"], [-far, far + 8, "end"], [far, far + 8, "start"],
  [-far, -far, "end"], [far / 2, -far, "start"], [-far / 2, far + 8, "end"], [0, -far, "middle"], [0, far + 8, "middle"]]);

const element = (name, attributes, text) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
};

// the rows that no other beats in speed and mIoU, fastest first
const best = (points) => {
  const found = [];
  for (const point of [...points].sort((a, b) => b.rate - a.rate || b.miou - a.miou)) {
    if (!found.length || point.miou > found.at(-1).miou) found.push(point);
  }
  return found;
};

const logTicks = (least, most) => {
  const range = most / least, found = [];
  const steps = range > 500 ? [1] : range > 5 ? [1, 2, 5] : [1, 1.5, 2, 3, 5, 7];
  for (let power = Math.floor(Math.log10(least)); power <= Math.log10(most); power++) {
    for (const step of steps) {
      const value = step * 10 ** power;
      if (value >= least && value <= most) found.push(value);
    }
  }
  return found;
};

const linearTicks = (least, most) => {
  const step = [1, 2, 5, 10, 20].find((one) => (most - least) / one <= 7) ?? 50, found = [];
  for (let value = Math.ceil(least / step) * step; value <= most; value += step) found.push(value);
  return found;
};

const overlap = (a, b) => a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1;

// small boxes along a line, from the edge of the mark at its beginning
const along = (x0, y0, x1, y1) => [0.3, 0.5, 0.7, 0.9].map((share) => {
  const [x, y] = [x0 + share * (x1 - x0), y0 + share * (y1 - y0)];
  return { x0: x - 2, x1: x + 2, y0: y - 2, y1: y + 2 };
});

// what a name of some width covers at a place of `BESIDE` or `APART`
const boxAt = (x, y, [right, down, anchor], width) => {
  const start = x + right - (anchor === "end" ? width : anchor === "middle" ? width / 2 : 0);
  return { x0: start, x1: start + width, y0: y + down - 11, y1: y + down + 3 };
};

// names beside their points, the best first, of several with a network's mIoU at the fastest only; where there is no
// place, those of the front stand apart with a line to their points, and others are left to the tip and the table
const writeNames = (svg, placed, lines, frame, front) => {
  const taken = placed.map(({ x, y }) => ({ x0: x - REACH, x1: x + REACH, y0: y - REACH, y1: y + REACH }));
  taken.push(...lines);
  const named = new Set(), tried = new Set();
  placed.forEach(({ x, y, point }, number) => {
    const network = `${point.model} ${point.miou}`;
    if (named.has(point.model) || tried.has(network)) return;
    tried.add(network);
    const text = element("text", { class: "name" }, point.model);
    svg.append(text);
    const width = text.getComputedTextLength(), others = taken.filter((_, index) => index !== number);
    for (const spot of front.includes(point) ? [...BESIDE, ...APART] : BESIDE) {
      const [right, down, anchor] = spot, box = boxAt(x, y, spot, width);
      const inside = box.x0 >= frame.x0 && box.x1 <= frame.x1 + SPACE.right && box.y0 >= frame.y0 && box.y1 <= frame.y1;
      const end = [x + right, down < 0 ? box.y1 : box.y0];  // of a line to it
      const covered = APART.includes(spot) ? [box, ...along(x, y, ...end)] : [box];
      if (!inside || covered.some((one) => others.some((other) => overlap(one, other)))) continue;
      taken.push(...covered);
      named.add(point.model);
      for (const [name, value] of [["x", x + right], ["y", y + down], ["text-anchor", anchor]]) text.setAttribute(name, value);
      if (APART.includes(spot)) svg.prepend(element("line", { class: "leader", x1: x, y1: y, x2: end[0], y2: end[1] }));
      return;
    }
    text.remove();
  });
};

const draw = (chart, points, tip) => {
  const width = chart.clientWidth, height = Math.round(Math.min(460, Math.max(280, width * 0.5)));
  const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "mIoU against images per second" });
  chart.replaceChildren(svg);
  if (!points.length) {
    const text = "No network's mIoU is known for this choice.";
    svg.append(element("text", { x: width / 2, y: height / 2, "text-anchor": "middle" }, text));
    return;
  }
  const rates = points.flatMap((one) => [one.least, one.most]), scores = points.map((one) => one.miou);
  const low = Math.min(...rates) / 1.25, high = Math.max(...rates) * 1.25;
  const bottom = Math.min(...scores) - 2, top = Math.min(Math.max(...scores) + 3, 100);
  const frame = { x0: SPACE.left, x1: width - SPACE.right, y0: SPACE.top, y1: height - SPACE.bottom };
  const at = (value) => frame.x0 + Math.log(value / low) / Math.log(high / low) * (frame.x1 - frame.x0);
  const up = (value) => frame.y1 - (value - bottom) / (top - bottom) * (frame.y1 - frame.y0);
  for (const value of linearTicks(bottom, top)) {
    svg.append(element("line", { class: "grid", x1: frame.x0, x2: frame.x1, y1: up(value), y2: up(value) }));
    svg.append(element("text", { class: "tick", x: frame.x0 - 8, y: up(value) + 4, "text-anchor": "end" }, value));
  }
  for (const value of logTicks(low, high)) {
    svg.append(element("line", { class: "grid", x1: at(value), x2: at(value), y1: frame.y0, y2: frame.y1 }));
    svg.append(element("text", { class: "tick", x: at(value), y: frame.y1 + 17, "text-anchor": "middle" }, +value.toPrecision(2)));
  }
  svg.append(element("text", { class: "tick", x: frame.x1, y: height - 6, "text-anchor": "end" }, "images per second"));
  svg.append(element("text", { class: "tick", x: 4, y: height - 6 }, "\u2191 mIoU, %"));
  const front = best(points);
  const steps = front.map((one, n) => `${n ? `V${up(one.miou)}H` : "M"}${at(one.rate)}${n ? "" : `,${up(one.miou)}`}`);
  svg.append(element("path", { class: "front", d: steps.join("") }));
  const lines = front.slice(1).flatMap((one, n) => {
    const [x0, x1, y0, y1] = [at(one.rate), at(front[n].rate), up(one.miou), up(front[n].miou)];
    return [{ x0, x1, y0: y0 - 1, y1: y0 + 1 }, { x0: x1 - 1, x1: x1 + 1, y0, y1 }];
  });
  const order = [...front, ...points.filter((one) => !front.includes(one)).sort((a, b) => b.miou - a.miou || b.rate - a.rate)];
  const placed = order.map((point) => ({ x: at(point.rate), y: up(point.miou), point }));
  for (const { x, y, point } of [...placed].reverse()) {
    const kind = `${point.own ? "own" : "published"} ${front.includes(point) ? "best" : ""}`;
    const mark = point.own ? element("circle", { cx: x, cy: y, r: 5.5 })
      : element("rect", { x: x - 4.5, y: y - 4.5, width: 9, height: 9, transform: `rotate(45 ${x} ${y})` });
    mark.setAttribute("class", `point ${kind}`);
    mark.setAttribute("tabindex", "0");
    mark.append(element("title", {}, point.tip));
    for (const event of ["pointerenter", "focus", "click"]) mark.addEventListener(event, () => { tip.value = point.tip; });
    svg.append(mark);
  }
  writeNames(svg, placed, lines, frame, front);
};

const front = document.querySelector("#front");
if (front) {
  const chart = front.querySelector(".chart"), form = front.querySelector("form"), tip = front.querySelector("output");
  const points = JSON.parse(chart.dataset.points);
  const choice = () => Object.fromEntries([...form.elements].filter((one) => one.name).map((one) =>
    [one.name, one.type === "checkbox" ? one.checked : one.value]));
  const fits = (row, chosen, names) => names.every((name) => !chosen[name] || row[name] === chosen[name])
    && (!chosen.real || String(row.real) === "true");
  const show = () => {
    tip.value = "";
    draw(chart, points.filter((one) => fits(one, choice(), ["device", "size", "work", "precision", "data"])), tip);
  };
  const choose = () => {  // what the reader has chosen holds for the tables as well, which begin with all rows
    const chosen = choice();
    show();
    for (const row of document.querySelectorAll("tr[data-device]")) {
      row.dataset.out = fits(row.dataset, chosen, ["device", "size", "work", "precision"]) ? "" : "out";
    }
    for (const other of document.querySelectorAll("form.filters")) other.dispatchEvent(new Event("input"));
  };
  form.hidden = false;
  form.addEventListener("input", choose);
  form.addEventListener("submit", (event) => event.preventDefault());
  new ResizeObserver(() => { if (chart.clientWidth !== +chart.dataset.width) { chart.dataset.width = chart.clientWidth; show(); } }).observe(chart);
  show();
}
