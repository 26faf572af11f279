// Maps of the latents and the colours of their points, which the picture of a feature has, too.
const COLOURS = [
  "#0f7ac2", "#e08a00", "#12a072", "#c45fa0", "#d1541a", "#57b3e6", "#8a63d2", "#a39a00", "#a0705a", "#1fa5a5",
  "#e26d8d", "#6b9e1f",
];
const RAMP = ["#6a48c9", "#a845a8", "#d64f79", "#ef8354", "#f2b544"];
const FADED = 0.12;

const samples = DATA.samples;
samples.columns.forEach((column) => { column.values = unpacked(column.values); });
const colouring = { column: -1, only: null, listeners: [] };

const classColour = (index) => COLOURS[index] || `hsl(${Math.round((index * 137.5) % 360)} 55% 52%)`;

function rampColour(share) {
  const place = Math.min(Math.max(share, 0), 1) * (RAMP.length - 1), low = Math.min(Math.floor(place), RAMP.length - 2);
  const parts = [low, low + 1].map((one) => [1, 3, 5].map((at) => parseInt(RAMP[one].slice(at, at + 2), 16)));
  return `rgb(${parts[0].map((value, at) => Math.round(value + (parts[1][at] - value) * (place - low))).join(" ")})`;
}

// Numbers are coloured from the 2nd to the 98th of 100, so that single ones do not take all colours.
function limits(column) {
  if (!column.limits) {
    const known = column.values.filter((value) => !Number.isNaN(value)).sort();
    const at = (share) => known[Math.round(share * (known.length - 1))];
    column.limits = known.length ? [at(0.02), at(0.98)] : [0, 1];
    if (column.limits[0] === column.limits[1]) column.limits = [known[0], known[known.length - 1]];
  }
  return column.limits;
}

function pointColour(sample) {
  const column = samples.columns[colouring.column], alpha = samples.n > 5000 ? 0.6 : 0.85;
  if (!column) return { fill: COLOURS[0], alpha };
  const value = column.values[sample];
  const missing = column.kind === "class" ? value === NO_CLASS : Number.isNaN(value);
  const faded = colouring.only !== null && value !== colouring.only;
  if (missing) return { fill: "#8b949e", alpha: faded ? FADED : 0.35 };
  if (column.kind === "class") return { fill: classColour(value), alpha: faded ? FADED : alpha };
  const [low, high] = limits(column);
  return { fill: rampColour((value - low) / (high - low || 1)), alpha };
}

function describeSample(sample) {
  const column = samples.columns[colouring.column];
  const name = samples.names ? samples.names[sample] : `sample ${sample + 1}`;
  if (!column) return name;
  const value = column.values[sample];
  const text = column.kind === "number" ? shown(value) : value === NO_CLASS ? "not known" : column.classes[value];
  return `${name}\n${column.name}: ${text}`;
}

function recolourAll() {
  colouring.listeners.forEach((listener) => listener());
}

function showLegend() {
  const legend = document.getElementById("map-legend"), column = samples.columns[colouring.column];
  legend.replaceChildren();
  if (!column) return;
  if (column.kind === "number") {
    const ramp = make("span", { class: "ramp" }), [low, high] = limits(column);
    ramp.style.background = `linear-gradient(to right, ${RAMP.join(", ")})`;
    legend.append(shown(low), ramp, shown(high));
    return;
  }
  const counts = new Map();
  column.values.forEach((value) => counts.set(value, (counts.get(value) || 0) + 1));
  [...column.classes.keys(), NO_CLASS].filter((value) => counts.has(value)).forEach((value) => {
    const swatch = make("span", { class: "swatch" }), name = value === NO_CLASS ? "not known" : column.classes[value];
    swatch.style.background = value === NO_CLASS ? "#8b949e" : classColour(value);
    const button = make(
      "button", { type: "button", "aria-pressed": String(colouring.only === value), title: "Show these alone" },
      swatch, `${name} (${thousands(counts.get(value))})`,
    );
    button.addEventListener("click", () => {
      colouring.only = colouring.only === value ? null : value;
      [...legend.children].forEach((one) => one.setAttribute("aria-pressed", String(one === button && colouring.only !== null)));
      recolourAll();
    });
    legend.append(button);
  });
}

function setUpMap(map) {
  map.axes.forEach((axis) => { axis.values = unpacked(axis.values); });
  const names = map.axes.map((axis) => axis.name), chosen = [...map.start], plot = make("div");
  const title = map.name === "shared" ? "shared" : `private: ${map.name}`;
  const caption = make("p", { class: "small" }, map.caption);
  let recolour = () => {};
  const redraw = () => {
    const [x, y] = chosen.map((axis) => map.axes[axis]);
    caption.hidden = !map.caption || chosen.every((axis) => axis < map.start[0]); // it is about the first axes shown
    recolour = scatter(plot, {
      x: x.values, y: y.values, xLabel: x.name, yLabel: y.name, colour: pointColour, describe: describeSample,
      description: `Map of the samples, latents ${title}: ${x.name} and ${y.name}. Left and right arrows name points.`,
    });
  };
  colouring.listeners.push(() => recolour());
  const axes = ["x", "y"].map((side, place) => choice(`${side} `, names, chosen[place], (axis) => {
    chosen[place] = axis;
    redraw();
  }));
  redraw();
  return make("div", { class: "map" }, make("h3", {}, title), make("div", { class: "controls" }, ...axes), plot, caption);
}

function setUpMaps() {
  const place = document.getElementById("maps");
  if (!place) return;
  const names = samples.columns.map((column) => column.name), label = names.indexOf(DATA.label);
  colouring.column = label >= 0 ? label : names.length ? 0 : -1;
  if (names.length) {
    document.getElementById("map-controls").append(choice("Colour by", names, colouring.column, (column) => {
      colouring.column = column;
      colouring.only = null;
      showLegend();
      recolourAll();
    }));
  }
  showLegend();
  DATA.maps.filter((map) => map.axes.length > 1).forEach((map) => place.append(setUpMap(map)));
}
