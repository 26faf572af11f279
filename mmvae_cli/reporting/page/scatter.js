// Predicted against observed values of one feature.
function preparePairs(modality) {
  const pairs = modality.pairs;
  if (!pairs || pairs.ready) return;
  pairs.places = new Map([...unpacked(pairs.features)].map((feature, row) => [feature, row]));
  pairs.rows = unpacked(pairs.samples);
  for (const side of ["observed", "predicted"]) {
    const packed = pairs[side];
    pairs[side] = { low: unpacked(packed.low), width: unpacked(packed.width), steps: new Uint16Array(bytes(packed.steps)) };
  }
  pairs.ready = true;
}

function hasPairs(modality, feature) {
  preparePairs(modality);
  return Boolean(modality.pairs) && modality.pairs.places.has(feature);
}

function pairValues(pairs, side, row) {
  const { low, width, steps } = pairs[side], n = pairs.rows.length;
  return Float32Array.from(
    steps.subarray(row * n, (row + 1) * n),
    (step) => (step === MISSING ? NaN : low[row] + (width[row] * step) / STEPS),
  );
}

function showFeature(modality, feature) {
  const place = document.getElementById("scatter"), pairs = modality.pairs, row = pairs.places.get(feature);
  const x = pairValues(pairs, "observed", row), y = pairValues(pairs, "predicted", row);
  const unit = pairs.unit === "input" ? "in the unit of the input" : pairs.unit;
  const name = modality.names[feature], plot = make("div", { class: "plot" });
  const recolour = scatter(plot, {
    x, y, square: true, xLabel: "observed", yLabel: "predicted",
    colour: (index) => pointColour(pairs.rows[index]),
    describe: (index) => `${describeSample(pairs.rows[index])}\nobserved ${shown(x[index])}, predicted ${shown(y[index])}`,
    description: `Predicted against observed ${name} of ${modality.modality}, held-out samples.`,
  });
  colouring.feature = recolour;
  const facts = DATA.measures.filter((measure) => modality.values[measure.key]).map((measure) => make(
    "tr", { title: measure.meaning }, make("th", { scope: "row" }, measure.title),
    make("td", { class: "number" }, measureText(measure.key, modality.values[measure.key][feature])),
  ));
  const some = pairs.rows.length < pairs.heldOut ? `${thousands(pairs.rows.length)} of ${thousands(pairs.heldOut)}` : thousands(pairs.heldOut);
  place.replaceChildren(plot, make(
    "div", { class: "facts" }, make("h3", { id: "scatter-name" }, name),
    modality.symbols && modality.symbols[feature] !== name ? make("p", {}, modality.symbols[feature]) : "",
    make("p", { class: "small" }, `${modality.modality}, predicted from the other modalities; ${some} held-out samples; values: ${unit}. `
      + "The dashed line is where both are equal."),
    make("table", {}, make("tbody", {}, ...facts)),
  ));
}

function setUpScatter() {
  colouring.listeners.push(() => { if (colouring.feature) colouring.feature(); });
}
