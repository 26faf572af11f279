// Points on two axes: SVG where there are few, a canvas below the axes where there are many.
const MOST_SVG = 5000;
const SIZE = { width: 380, height: 330, left: 50, right: 10, top: 10, bottom: 40 };

function ticks(low, high) {
  const raw = (high - low) / 6 || 1, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= raw);
  const found = [];
  for (let place = Math.ceil(low / step); place * step <= high + step * 1e-9; place++) found.push(place * step);
  return found;
}

function rangeOf(...arrays) {
  let low = Infinity, high = -Infinity;
  for (const values of arrays) for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return [0, 1];
  const margin = (high - low) * 0.05 || 0.5;
  return [low - margin, high + margin];
}

// plot: { x, y, xLabel, yLabel, square, colour(index), describe(index), description }
function scatter(container, plot) {
  const [xLow, xHigh] = plot.square ? rangeOf(plot.x, plot.y) : rangeOf(plot.x);
  const [yLow, yHigh] = plot.square ? [xLow, xHigh] : rangeOf(plot.y);
  const right = SIZE.width - SIZE.right, bottom = SIZE.height - SIZE.bottom;
  const toX = (value) => SIZE.left + ((value - xLow) / (xHigh - xLow)) * (right - SIZE.left);
  const toY = (value) => bottom - ((value - yLow) / (yHigh - yLow)) * (bottom - SIZE.top);
  const places = [];
  for (let index = 0; index < plot.x.length; index++) {
    if (!Number.isNaN(plot.x[index]) && !Number.isNaN(plot.y[index])) {
      places.push({ index, x: toX(plot.x[index]), y: toY(plot.y[index]) });
    }
  }
  const radius = places.length > 20000 ? 1.0 : places.length > 2000 ? 1.6 : places.length > 400 ? 2.4 : 3.4;
  const svg = draw("svg", {
    viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, role: "img", tabindex: 0, "aria-label": plot.description,
  });
  svg.append(draw("path", { class: "axis", d: `M${SIZE.left} ${SIZE.top}V${bottom}H${right}` }));
  for (const value of ticks(xLow, xHigh)) {
    svg.append(draw("path", { class: "axis", d: `M${toX(value)} ${bottom}v4` }));
    svg.append(draw("text", { x: toX(value), y: bottom + 16, "text-anchor": "middle" }, shown(value)));
  }
  for (const value of ticks(yLow, yHigh)) {
    svg.append(draw("path", { class: "axis", d: `M${SIZE.left} ${toY(value)}h-4` }));
    svg.append(draw("text", { x: SIZE.left - 7, y: toY(value) + 4, "text-anchor": "end" }, shown(value)));
  }
  svg.append(draw("text", { x: (SIZE.left + right) / 2, y: SIZE.height - 6, "text-anchor": "middle" }, plot.xLabel));
  const middle = (SIZE.top + bottom) / 2;
  svg.append(draw("text", { x: 12, y: middle, "text-anchor": "middle", transform: `rotate(-90 12 ${middle})` }, plot.yLabel));
  if (plot.square) svg.append(draw("path", { class: "same", d: `M${toX(xLow)} ${toY(yLow)}L${toX(xHigh)} ${toY(yHigh)}` }));
  const group = draw("g"), marked = draw("circle", { class: "marked", r: radius + 2.5, visibility: "hidden" });
  svg.append(group, marked);
  const frame = make("div", { class: "plot" });
  const canvas = places.length > MOST_SVG ? make("canvas", { width: SIZE.width * 3, height: SIZE.height * 3 }) : null;
  if (canvas) frame.append(canvas);
  frame.append(svg);
  container.replaceChildren(frame);
  const order = inRandomOrder(places);

  function recolour() {
    if (canvas) {
      const context = canvas.getContext("2d");
      context.setTransform(3, 0, 0, 3, 0, 0);
      context.clearRect(0, 0, SIZE.width, SIZE.height);
      for (const { index, x, y } of order) {
        const { fill, alpha } = plot.colour(index);
        context.globalAlpha = alpha;
        context.fillStyle = fill;
        context.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
      }
    } else {
      group.replaceChildren(...order.map(({ index, x, y }) => {
        const { fill, alpha } = plot.colour(index);
        return draw("circle", { cx: x.toFixed(2), cy: y.toFixed(2), r: radius, fill, "fill-opacity": alpha });
      }));
    }
  }
  recolour();
  listen(svg, marked, places, plot.describe);
  return recolour;
}

// So that what was read last does not hide the rest; the same order every time.
function inRandomOrder(places) {
  const found = [...places];
  let state = 1;
  for (let last = found.length - 1; last > 0; last--) {
    state = (state * 48271) % 2147483647;
    const other = state % (last + 1);
    [found[last], found[other]] = [found[other], found[last]];
  }
  return found;
}

function listen(svg, marked, places, describe) {
  let sorted = null, position = -1;
  const mark = (place) => {
    marked.setAttribute("cx", place.x);
    marked.setAttribute("cy", place.y);
    marked.setAttribute("visibility", "visible");
    const box = svg.getBoundingClientRect(), scale = box.width / SIZE.width;
    showTip(describe(place.index), box.left + place.x * scale, box.top + place.y * scale);
  };
  const leave = () => { marked.setAttribute("visibility", "hidden"); hideTip(); };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect(), scale = box.width / SIZE.width;
    const x = (event.clientX - box.left) / scale, y = (event.clientY - box.top) / scale;
    let best = null, distance = 144;
    for (const place of places) {
      const apart = (place.x - x) ** 2 + (place.y - y) ** 2;
      if (apart < distance) [best, distance] = [place, apart];
    }
    if (best) mark(best); else leave();
  });
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("blur", leave);
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "Escape") leave();
    if (!step || !places.length) return;
    event.preventDefault();
    sorted = sorted || [...places].sort((one, other) => one.x - other.x);
    position = (position + step + sorted.length) % sorted.length;
    mark(sorted[position]);
  });
}
