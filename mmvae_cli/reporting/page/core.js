// Data of the page and elements. Text from the data becomes text only: never innerHTML.
const DATA = JSON.parse(document.getElementById("page-data").textContent);
const MISSING = 65535, STEPS = 65534, NO_CLASS = 255;

function bytes(text) {
  const raw = atob(text), found = new Uint8Array(raw.length);
  for (let place = 0; place < raw.length; place++) found[place] = raw.charCodeAt(place);
  return found.buffer;
}

function unpacked(packed) {
  if (packed.f4 !== undefined) return new Float32Array(bytes(packed.f4));
  if (packed.i4 !== undefined) return new Int32Array(bytes(packed.i4));
  if (packed.u1 !== undefined) return new Uint8Array(bytes(packed.u1));
  const steps = new Uint16Array(bytes(packed.u2)), scale = (packed.high - packed.low) / STEPS;
  return Float32Array.from(steps, (step) => (step === MISSING ? NaN : packed.low + scale * step));
}

function make(name, attributes, ...children) {
  return filledElement(document.createElement(name), attributes, children);
}

function draw(name, attributes, ...children) {
  return filledElement(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function filledElement(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function choice(label, options, chosen, onChange) {
  const select = make("select");
  options.forEach((text, index) => select.append(make("option", { value: index, selected: index === chosen }, text)));
  select.addEventListener("change", () => onChange(Number(select.value)));
  return make("label", {}, label, select);
}

function shown(value, digits = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(1).replace("-", "−");
  return (Math.abs(value) >= 1000 ? value.toFixed(0) : value.toPrecision(digits).replace(/\.?0+$/, ""))
    .replace("e+", "e").replace("-", "−");
}

function fixed(value, digits = 3) {
  return Number.isNaN(value) ? "–" : value.toFixed(digits).replace("-", "−");
}

// As per cent, with three digits, or p-values with two.
function measureText(key, value) {
  if (key.startsWith("variance") && !Number.isNaN(value)) return `${fixed(100 * value, 0)} %`;
  return key.startsWith("r") ? fixed(value) : shown(value, 2);
}

const thousands = (number) => number.toLocaleString("en");

const tip = document.getElementById("tip");

function showTip(text, x, y) {
  tip.textContent = text;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(x + 12, window.innerWidth - box.width - 8))}px`;
  tip.style.top = `${y + box.height + 24 > window.innerHeight ? y - box.height - 10 : y + 14}px`;
}

function hideTip() {
  tip.hidden = true;
}
