"use strict";
// The page from its two truths: what the warehouse holds, and the chart that Altair made. Vega draws; nothing is fetched.
const json = id => JSON.parse(document.getElementById(id).textContent);
const report = json("data");
const figureChart = json("figure-chart"), glyphChart = json("glyph-chart");
const padding = figureChart.padding;
const HEIGHT = 150, SMALL = 64; // of the plot, in pixels: the currency of most figures, and each other one
const LANE = 8; // pixels that a source needs within a year; a chart that would be too narrow scrolls
const controls = document.getElementById("controls");
const grid = document.getElementById("companies");
const tip = document.getElementById("tip");

// --- words ---------------------------------------------------------------------------------------------------------------

const short = new Intl.NumberFormat("en-GB", {notation: "compact", maximumSignificantDigits: 3});
const full = new Intl.NumberFormat("en-GB", {maximumFractionDigits: 2, maximumSignificantDigits: 3, roundingPriority: "morePrecision"});
const percent = new Intl.NumberFormat("en-GB", {style: "percent", maximumFractionDigits: 0});
const day = new Intl.DateTimeFormat("en-GB", {dateStyle: "long", timeZone: "UTC"});
const minute = new Intl.DateTimeFormat("en-GB", {dateStyle: "long", timeStyle: "short", timeZone: "UTC"});
const named = currency => currency ?? "no currency given";
const amount = (value, currency, format = short) => `${format.format(value).replace("-", "−")} ${currency ?? ""}`.trim();
const title = column => (column[0].toUpperCase() + column.slice(1)).replaceAll("_", " ");
const listed = words => new Intl.ListFormat("en-GB").format(words);

/** Years in few words: 2019, 2021–2024. */
function spans(years) {
  const found = [];
  for (const year of years) {
    if (found.at(-1)?.at(-1) === year - 1) found.at(-1)[1] = year;
    else found.push([year]);
  }
  return found.map(span => span.join("–")).join(", ");
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Why a figure is chosen, or is not. */
function why(row, part, column) {
  if (row.state === "replaced") return "Replaced by a later row of this source.";
  const rank = part.rules.findIndex(([source]) => source === row.source);
  if (rank < 0) return row.state === "chosen" ? "Chosen." : "No rule names this source.";
  if (row.state !== "chosen") {
    const chosen = part.rows.find(other => other.year === row.year && other.state === "chosen");
    return chosen ? `${chosen.source} comes before it.` : "Not chosen.";
  }
  const [, scope, named, priority] = part.rules[rank];
  const rule = scope === "company" ? "the company’s own preference" : `priority ${priority ?? "without a number"}`;
  const silent = part.rules.slice(0, rank).map(([source]) => source);
  const others = silent.length ? `; no figure from ${listed(silent)}` : "";
  return `Chosen by ${rule} on ${named === "*" ? "all figures" : title(column).toLowerCase()}${others}.`;
}

const OPEN = {
  no_rule_for_table: "the organisation has no rule on financials",
  no_rule_for_column: "no rule is on this figure",
  no_value_from_a_ruled_source: "only sources that no rule names have a figure",
};

// --- the data, made ready once -------------------------------------------------------------------------------------------

for (const company of report.companies) {
  company.key = `${company.name} ${company.id}`.toLowerCase();
  company.open = 0;
  company.own = false;
  const years = [], sources = new Set();
  for (const part of Object.values(company.figures)) {
    part.rows = part.rows.map(([year, source, value, currency, state, record]) => ({year, source, value, currency, state, record}));
    for (const row of part.rows) { years.push(row.year); sources.add(row.source); }
    company.open += part.unresolved.length;
    company.own ||= part.rules.some(([, scope]) => scope === "company");
  }
  const first = Math.min(...years), last = Math.max(...years);
  company.years = years.length ? Array.from({length: last - first + 1}, (_, index) => first + index) : []; // gaps are years too
  company.lanes = report.sources.filter(source => sources.has(source));
}

/** What is drawn of a figure, by currency: that of most chosen figures first, then that of most others. */
function panels(part) {
  const found = new Map();
  for (const row of part.rows) {
    if (row.state === "replaced") continue;
    if (!found.has(row.currency)) found.set(row.currency, []);
    found.get(row.currency).push(row);
  }
  const weight = rows => rows.filter(row => row.state === "chosen").length * 1000 + rows.length;
  return [...found].sort(([, a], [, b]) => weight(b) - weight(a));
}

// --- a company -----------------------------------------------------------------------------------------------------------

function card(company) {
  const facts = element("p", {className: "facts"});
  const {latest, gap} = company;
  if (latest) {
    facts.append(element("span", {}, `${title(report.columns[0])} ${latest.year} `, element("b", {}, amount(latest.value, latest.currency))));
    if (latest.growth !== null) {
      const rising = latest.growth >= 0;
      facts.append(element("span", {}, `${rising ? "▲" : "▼"} ${percent.format(Math.abs(latest.growth))} on ${latest.year - 1}`));
    }
  }
  if (gap?.widest > 0.0005) {
    const widest = gap.widest < 0.01 ? "under 1%" : percent.format(gap.widest);
    facts.append(element("span", {}, "sources differ by up to ", element("b", {}, widest), ` (${gap.column.replaceAll("_", " ")} ${gap.year})`));
  } else if (gap) facts.append(element("span", {}, "sources agree"));
  if (company.own) facts.append(element("span", {}, "preferences of its own"));
  const made = element("article", {id: `company-${company.id}`, className: company.years.length ? "later" : ""},
    element("h2", {}, company.name, element("small", {}, company.id)), facts);
  made.fill = () => {
    made.fill = () => {};
    made.className = "";
    made.append(...report.columns.filter(column => column in company.figures).map(column => figure(company, column, company.figures[column])));
    if (!company.years.length) made.append(element("p", {className: "note"}, "No source has a figure."));
  };
  return made;
}

function figure(company, column, part) {
  const drawn = panels(part);
  const heading = element("h3", {}, title(column));
  if (drawn.length === 1) heading.append(" ", element("small", {}, named(drawn[0][0])));
  const rows = element("div", {className: "rows", hidden: true, tabIndex: 0, ariaLabel: `${title(column)} of ${company.name}`, role: "region"});
  const opener = element("button", {type: "button", ariaExpanded: "false"}, "Table");
  opener.addEventListener("click", () => {
    if (!rows.firstChild) rows.append(table(part, column));
    rows.hidden = !rows.hidden;
    opener.ariaExpanded = String(!rows.hidden);
  });
  const saver = element("button", {type: "button"}, "CSV");
  saver.addEventListener("click", () => save(company, column, part));
  for (const button of [opener, saver]) button.ariaLabel = `${button.textContent}: ${title(column)} of ${company.name}`;
  const made = element("section", {className: "figure"}, element("header", {}, heading, opener, saver));
  drawn.forEach(([currency, figures], index) => {
    if (drawn.length > 1) made.append(element("h4", {}, named(currency)));
    const height = index ? SMALL : HEIGHT;
    const chart = element("div", {className: "chart"});
    chart.style.minHeight = `${height + padding.top + padding.bottom}px`;
    chart.ariaLabel = `${title(column)} of ${company.name} by year and source, ${named(currency)}`;
    chart.setAttribute("role", "group");
    chart.dataset.company = company.id;
    chart.dataset.column = column;
    chart.dataset.currency = currency ?? "";
    chart.draw = () => draw(chart, company, column, part, figures, height);
    made.append(chart);
  });
  for (const [reason, years] of Map.groupBy(part.unresolved, ([, reason]) => reason)) {
    made.append(element("p", {className: "note open"}, `Unresolved ${spans(years.map(([year]) => year))}: ${OPEN[reason] ?? reason}.`));
  }
  made.append(rows);
  return made;
}

/** Has Vega draw a chart, and lets go of it: what it says on being pointed at comes from the drawn marks. */
async function drawn(place, chart, figures, parameters = {}) {
  const {width = chart.width, height = chart.height, ...signals} = parameters;
  const spec = {...chart, width, height,
    data: chart.data.map(data => data.name === "figures" ? {...data, values: figures} : data),
    signals: (chart.signals ?? []).map(signal => signal.name in signals ? {...signal, value: signals[signal.name]} : signal)};
  const {finalize} = await vegaEmbed(place, spec, {mode: "vega", renderer: "svg", actions: false, tooltip: false, defaultStyle: false, hover: false, logLevel: 1});
  finalize();
}

async function draw(chart, company, column, part, figures, height) {
  const {years, lanes} = company;
  const room = chart.clientWidth - padding.left - padding.right;
  const width = Math.max(room, years.length * lanes.length * LANE / 0.9);
  let run = 0, before;
  const values = figures.map(row => {
    const chosen = row.state === "chosen";
    if (chosen && row.year !== before + 1) run += 1; // no line through a year without a figure
    if (chosen) before = row.year;
    const label = `${row.year}, ${row.source}: ${amount(row.value, row.currency, full)}. ${why(row, part, column)}`;
    return {...row, value: Number(row.value), exact: row.value, chosen, run, label, why: why(row, part, column), column};
  });
  const radius = Math.min(5.5, width / years.length * 0.9 / lanes.length * 0.47);
  await drawn(chart, figureChart, values, {width, height, years, lanes, radius});
  const marks = [...chart.querySelectorAll(".said_marks path, .chosen_marks path")].sort((a, b) => datum(a).year - datum(b).year || place(a, lanes) - place(b, lanes));
  marks.forEach(mark => { mark.tabIndex = -1; });
  if (marks.length) marks.at(-1).tabIndex = 0;
  chart.marks = marks;
  chart.scrollLeft = chart.scrollWidth; // the latest years first
}

const datum = mark => mark.__data__.datum;
const place = (mark, lanes) => lanes.indexOf(datum(mark).source);

// --- what a mark says: by mouse, touch and keyboard ----------------------------------------------------------------------

function point(mark) {
  for (const other of document.querySelectorAll(".pointed")) if (other !== mark) other.classList.remove("pointed");
  tip.hidden = !mark;
  if (!mark) return;
  mark.classList.add("pointed");
  const row = datum(mark);
  tip.replaceChildren(element("b", {}, amount(row.exact, row.currency, full)), `${title(row.column)} ${row.year}, ${row.source}`, element("br"), row.why);
  const box = mark.getBoundingClientRect(), own = tip.getBoundingClientRect();
  const left = Math.min(Math.max(8, box.left + box.width / 2 - own.width / 2), innerWidth - own.width - 8);
  const above = box.top - own.height - 8;
  Object.assign(tip.style, {left: `${left}px`, top: `${above > 4 ? above : box.bottom + 8}px`});
}

/** The mark next to a place, if one is near enough for a finger. */
function nearest(event) {
  let found = null, least = 24;
  for (const mark of event.target.closest?.(".chart")?.marks ?? []) {
    const box = mark.getBoundingClientRect();
    const distance = Math.hypot(box.left + box.width / 2 - event.clientX, box.top + box.height / 2 - event.clientY);
    if (distance < least) [found, least] = [mark, distance];
  }
  return found;
}

document.addEventListener("pointerdown", event => point(nearest(event)));
document.addEventListener("pointermove", event => { if (event.pointerType === "mouse") point(nearest(event)); });
document.addEventListener("focusin", event => { if (event.target.matches(".chart path")) point(event.target); });
document.addEventListener("focusout", () => point(null));
addEventListener("scroll", () => point(null), {capture: true, passive: true});
document.addEventListener("keydown", event => {
  if (event.key === "Escape") return point(null);
  const marks = event.target.closest?.(".chart")?.marks;
  if (!marks) return;
  const now = marks.indexOf(event.target);
  const next = {ArrowRight: now + 1, ArrowDown: now + 1, ArrowLeft: now - 1, ArrowUp: now - 1, Home: 0, End: marks.length - 1}[event.key];
  if (next === undefined) return;
  event.preventDefault();
  const mark = marks[Math.min(Math.max(next, 0), marks.length - 1)];
  event.target.tabIndex = -1;
  mark.tabIndex = 0;
  mark.focus();
});

// --- table and CSV -------------------------------------------------------------------------------------------------------

function table(part, column) {
  const [one, ...more] = new Set(part.rows.map(row => row.currency));
  const heads = ["Year", "Source", more.length ? title(column) : `${title(column)}, ${named(one)}`, "Why"];
  const cells = row => [row.year, row.source, amount(row.value, more.length ? row.currency : "", full), why(row, part, column)];
  const line = (tag, texts, properties) => element("tr", properties, ...texts.map((text, index) => element(tag, {className: index === 2 ? "amount" : ""}, text)));
  return element("table", {}, element("thead", {}, line("th", heads)), element("tbody", {}, ...part.rows.map(row => line("td", cells(row), {className: row.state}))));
}

function csv(company, column, part) {
  const head = ["company_id", "company", "figure", "year", "source", "value", "currency", "state", "why", "record_id"];
  const rows = part.rows.map(row => [company.id, company.name, column, row.year, row.source, row.value, row.currency, row.state, why(row, part, column), row.record]);
  return [head, ...rows].map(cells => cells.map(cell).join(",")).join("\r\n") + "\r\n";
}

/** A cell; a text that a spreadsheet would run as a formula is marked as text. */
function cell(value) {
  const text = String(value ?? "");
  const safe = typeof value === "string" && /^[=+@\t\r]|^-(?![\d.]+$)/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function save(company, column, part) {
  const link = element("a", {href: URL.createObjectURL(new Blob(["\ufeff", csv(company, column, part)], {type: "text/csv"}))});
  link.download = `${company.name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-")}-${company.id}-${column}.csv`;
  link.click();
  URL.revokeObjectURL(link.href);
}

// --- the list: made and drawn when it comes near -------------------------------------------------------------------------

const near = new IntersectionObserver(entries => {
  for (const {target, isIntersecting} of entries) {
    if (!isIntersecting) continue;
    near.unobserve(target);
    target.fill();
    for (const chart of target.querySelectorAll(".chart")) chart.draw();
  }
}, {rootMargin: "600px"});

const cards = new Map(report.companies.map(company => [company, card(company)]));

let width = 0;
new ResizeObserver(() => {
  if (grid.clientWidth === width) return;
  width = grid.clientWidth;
  for (const made of cards.values()) { near.unobserve(made); near.observe(made); }
}).observe(grid);

const least = -Infinity;
const currencies = [...Map.groupBy(report.companies, company => company.latest?.currency)].sort(([, a], [, b]) => b.length - a.length).map(([currency]) => currency);
const ORDERS = {
  gap: company => [company.gap?.widest ?? least],
  size: company => company.latest ? [-currencies.indexOf(company.latest.currency), Number(company.latest.value)] : [least],
  growth: company => [company.latest?.growth ?? least],
  decline: company => [-(company.latest?.growth ?? Infinity)],
  open: company => [company.open],
  name: () => [0],
};

function between(value, range) {
  if (!range) return true;
  const [, low, high] = range.match(/^(.+?)-((?:\d|I).*)$/);
  return value !== undefined && value !== null && value >= Number(low) && value < Number(high);
}

function show() {
  const wanted = Object.fromEntries(new FormData(controls));
  const words = wanted.search.toLowerCase().split(/\s+/);
  const found = report.companies.filter(company =>
    words.every(word => company.key.includes(word))
    && between(company.latest && Number(company.latest.value), wanted.size)
    && between(company.latest?.growth, wanted.growth)
    && (!wanted.gap || company.gap?.widest > Number(wanted.gap))
    && (!wanted.open || company.open)
    && (!wanted.own || company.own));
  const order = new Map(found.map(company => [company, ORDERS[wanted.sort](company)]));
  found.sort((a, b) => {
    const [x, y] = [order.get(a), order.get(b)];
    return y[0] - x[0] || (y[1] ?? 0) - (x[1] ?? 0) || a.name.localeCompare(b.name) || a.id.localeCompare(b.id, "en", {numeric: true});
  });
  point(null);
  grid.replaceChildren(...found.map(company => cards.get(company)));
  const all = report.companies.length;
  document.getElementById("shown").textContent = found.length === all ? `${all} companies` : `${found.length} of ${all} companies`;
  const nothing = document.getElementById("nothing");
  nothing.hidden = found.length > 0;
  nothing.firstElementChild.textContent = !all ? "The warehouse holds no company."
    : wanted.search.trim() ? `No company matches “${wanted.search.trim()}”${report.companies.some(company => words.every(word => company.key.includes(word))) ? " with these filters" : ""}.` : "No company matches these filters.";
  nothing.lastElementChild.hidden = !all;
}

controls.addEventListener("input", show);
controls.addEventListener("submit", event => event.preventDefault());
const filter = document.getElementById("filter"); // shown where the screen is small
filter.addEventListener("click", () => { filter.ariaExpanded = String(controls.classList.toggle("open")); });
document.querySelector("#nothing button").addEventListener("click", () => { controls.reset(); show(); });

// --- the head of the page ------------------------------------------------------------------------------------------------

function head() {
  document.getElementById("mart").textContent = report.mart;
  document.getElementById("size-label").textContent = title(report.columns[0]);
  document.querySelector(".first-column").textContent = report.columns[0].replaceAll("_", " ");
  const {read, changed} = report.dates;
  const dates = [read && `Read from the instance on ${minute.format(new Date(read))} UTC.`, changed && `The newest figure changed there on ${day.format(new Date(changed))}.`];
  if (report.ignored) dates.push(`${full.format(report.ignored)} rows lack a company, a year or a source and are left out.`);
  document.getElementById("dates").textContent = dates.filter(Boolean).join(" ");
  const sum = values => values.reduce((total, value) => total + value, 0);
  const compared = sum(report.companies.map(company => company.gap?.compared ?? 0));
  const differing = sum(report.companies.map(company => company.gap?.differing ?? 0));
  const totals = [
    [full.format(report.companies.length), "companies"],
    [full.format(sum(report.counts.map(([, chosen]) => chosen))), "figures chosen"],
    [compared ? percent.format(differing / compared) : "–", "of compared figures differ by over 1%"],
    [full.format(sum(report.companies.map(company => company.open))), "figures unresolved"],
  ];
  document.getElementById("totals").append(...totals.map(([value, text]) => element("li", {}, element("b", {}, value), text)));
  report.sources.forEach((source, index) => {
    const [said, chosen] = report.counts[index];
    const marks = element("span", {ariaHidden: "true"});
    const line = element("li", {}, marks, element("span", {}, source, " ", element("small", {}, chosen ? `chosen ${full.format(chosen)} of ${full.format(said)}` : `never chosen, ${full.format(said)}`)));
    document.getElementById("legend").append(line);
    drawn(marks, glyphChart, [{source}]);
  });
}

head();
show();
performance.mark("shown");
