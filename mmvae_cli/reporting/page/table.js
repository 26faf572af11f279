// The table of all features: searched, sorted, a page at a time.
const ROWS = 15;

function setUpTable() {
  const place = document.getElementById("feature-table");
  if (!place) return;
  const all = allFeatures(), several = DATA.features.length > 1, sets = DATA.features.some((one) => one.sets);
  const state = { text: "", modality: -1, set: -1, key: "r2_cross", down: true, start: 0, rows: [], chosen: -1 };
  const columns = [
    { key: "name", title: "feature", meaning: "name of the feature" },
    ...(several ? [{ key: "modality", title: "modality", meaning: "" }] : []),
    ...(sets ? [{ key: "set", title: "set", meaning: "shared: carries signal that another modality shares" }] : []),
    ...DATA.measures,
  ];
  const body = make("tbody"), count = make("span", { role: "status" });
  const heads = new Map(columns.map((column) => [column.key, headOf(column)]));
  const caption = make("caption", {}, "R² and variance explained of every feature; choose one to see its predictions");
  const table = make("table", {}, caption, make("thead", {}, make("tr", {}, ...heads.values())), body);
  const [back, on] = ["Previous", "Next"].map((text) => make("button", { type: "button" }, text));
  back.addEventListener("click", () => turn(-ROWS));
  on.addEventListener("click", () => turn(ROWS));
  place.append(controls(), make("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Table of features" }, table),
    make("div", { class: "pager" }, back, on, count), make("p", { class: "small" }, included()));
  refresh();
  const first = state.rows.find((row) => hasPairs(all.source[row], all.feature[row]));
  if (first !== undefined) choose(first);
  else document.getElementById("scatter").append(make("p", {}, "Nothing is predicted from other modalities."));

  function headOf(column) {
    const button = make("button", { type: "button", title: column.meaning }, column.title);
    button.addEventListener("click", () => {
      const isText = ["name", "modality", "set"].includes(column.key);
      state.down = state.key === column.key ? !state.down : !isText && !["p_cross", "q_cross"].includes(column.key);
      state.key = column.key;
      refresh();
    });
    return make("th", { scope: "col", class: column.key in all.values ? "number" : null }, button);
  }

  function controls() {
    const search = make("input", { type: "search", id: "search", placeholder: "part of a name", autocomplete: "off" });
    search.addEventListener("input", () => { state.text = search.value.trim().toLowerCase(); refresh(); });
    const found = [make("label", {}, "Search", search)];
    const pick = (label, name, options) => choice(label, ["all", ...options], 0, (chosen) => { state[name] = chosen - 1; refresh(); });
    if (several) found.push(pick("Modality", "modality", DATA.features.map((one) => one.modality)));
    if (sets) found.push(pick("Set", "set", ["shared", "other"]));
    return make("div", { class: "controls" }, ...found);
  }

  function refresh() {
    state.rows = all.order.filter((row) => (
      (state.modality < 0 || all.modality[row] === state.modality) && (state.set < 0 || all.set[row] === state.set)
      && (!state.text || all.lower[row].includes(state.text))
    ));
    sort(state.rows, all, state.key, state.down);
    state.start = 0;
    heads.forEach((head, key) => {
      head.setAttribute("aria-sort", key !== state.key ? "none" : state.down ? "descending" : "ascending");
      const title = columns.find((column) => column.key === key).title;
      head.firstChild.textContent = title + (key !== state.key ? "" : state.down ? " ↓" : " ↑");
    });
    show();
  }

  function turn(by) {
    state.start += by;
    show();
  }

  function show() {
    const end = Math.min(state.start + ROWS, state.rows.length);
    body.replaceChildren(...Array.from(state.rows.subarray(state.start, end), rowOf));
    count.textContent = state.rows.length
      ? `${thousands(state.start + 1)} to ${thousands(end)} of ${thousands(state.rows.length)} features` : "no such feature";
    back.disabled = state.start === 0;
    on.disabled = end >= state.rows.length;
  }

  function rowOf(row) {
    const found = make("tr", { class: row === state.chosen ? "chosen" : null });
    columns.forEach((column) => found.append(cellOf(row, column.key)));
    return found;
  }

  function cellOf(row, key) {
    const modality = all.source[row];
    if (key === "name") {
      const symbol = all.symbols[row] ? [" ", make("span", { class: "small" }, all.symbols[row])] : [];
      if (!hasPairs(modality, all.feature[row])) return make("td", {}, all.names[row], ...symbol);
      const button = make("button", { type: "button", class: "link", title: "Show predicted against observed" }, all.names[row]);
      button.addEventListener("click", () => choose(row, true));
      return make("td", {}, button, ...symbol);
    }
    if (key === "modality") return make("td", {}, modality.modality);
    if (key === "set") {
      const name = ["shared", "other"][all.set[row]];
      return make("td", {}, name ? make("span", { class: `set ${name}` }, name) : "–");
    }
    return make("td", { class: "number" }, measureText(key, all.values[key][row]));
  }

  function choose(row, byHand) {
    state.chosen = row;
    [...body.children].forEach((one, place) => one.classList.toggle("chosen", state.rows[state.start + place] === row));
    showFeature(all.source[row], all.feature[row]);
    if (byHand) document.getElementById("scatter-title").scrollIntoView({ block: "nearest" });
  }

  function included() {
    const parts = DATA.features.filter((one) => one.pairs && one.pairs.places.size < one.names.length)
      .map((one) => `${thousands(one.pairs.places.size)} of ${thousands(one.names.length)} of ${one.modality}`);
    return parts.length
      ? `Names that can be chosen have their predictions in this page: those with the highest R² (${parts.join(", ")}).` : "";
  }
}

function allFeatures() {
  const n = DATA.features.reduce((sum, one) => sum + one.names.length, 0);
  const found = {
    names: [], symbols: [], lower: [], source: [], feature: new Int32Array(n), modality: new Uint8Array(n), set: new Uint8Array(n),
    order: Int32Array.from({ length: n }, (_, row) => row), values: {},
  };
  DATA.measures.forEach((measure) => { found.values[measure.key] = new Float32Array(n).fill(NaN); });
  let start = 0;
  DATA.features.forEach((one, index) => {
    const sets = one.sets ? unpacked(one.sets) : null;
    preparePairs(one);
    one.names.forEach((name, feature) => {
      const row = start + feature;
      found.names.push(name);
      const symbol = one.symbols && one.symbols[feature] !== name ? one.symbols[feature] : "";
      found.symbols.push(symbol);
      found.lower.push(`${name} ${symbol}`.toLowerCase());
      found.source.push(one);
      found.feature[row] = feature;
      found.modality[row] = index;
      found.set[row] = sets ? sets[feature] : NO_CLASS;
    });
    Object.keys(one.values).forEach((key) => {
      one.values[key] = unpacked(one.values[key]);
      found.values[key].set(one.values[key], start);
    });
    start += one.names.length;
  });
  return found;
}

// Missing values last, whichever way; ties as in the file.
function sort(rows, all, key, down) {
  const sign = down ? -1 : 1;
  if (key in all.values) {
    const values = all.values[key];
    rows.sort((one, other) => {
      const [a, b] = [values[one], values[other]], missing = Number.isNaN(a) - Number.isNaN(b);
      return missing || (Number.isNaN(a) ? 0 : sign * (a - b)) || one - other;
    });
  } else if (key === "name") {
    const compare = new Intl.Collator("en", { numeric: true }).compare;
    rows.sort((one, other) => sign * compare(all.names[one], all.names[other]) || one - other);
  } else {
    const values = all[key];
    rows.sort((one, other) => sign * (values[one] - values[other]) || one - other);
  }
}
