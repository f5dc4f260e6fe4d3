// Charts of the last hour, drawn by uPlot.
import { body, now, on, root, tell } from "./page.js";

const SPANS = { "5 min": 300, "15 min": 900, "1 hour": 3600 };
const STEPS = [1, 2, 5, 10, 25, 50, 100];
const HEIGHT = 124;
const Y_AXIS = 44; // pixels
const charts = [];
let span = 3600;

const pad = (number) => String(number).padStart(2, "0");

/** Times as 14:05, with seconds where they tell more than zeros. */
function clock(seconds, isFine) {
  const date = new Date(seconds * 1000);
  const text = `${pad(date.getHours())}:${pad(date.getMinutes())}`;
  return isFine ? `${text}:${pad(date.getSeconds())}` : text;
}

export async function startCharts() {
  const needsRows = document.querySelector("[data-spark]");
  const places = document.querySelectorAll("[data-chart]");
  if (!places.length && !needsRows) return;
  const query = body.dataset.page === "watcher" ? location.search : "";
  let data = {};
  try {
    const reply = await fetch(`${root}history${query}`, { headers: { "Accept": "application/json" } });
    if (reply.ok) data = await reply.json();
  } catch { /* charts begin empty */ }
  tell("recent", data.rows ?? {});
  if (places.length && window.uPlot) begin(places, data);
}

function begin(places, data) {
  const sync = uPlot.sync("circus");
  for (const place of places) {
    const told = data[place.dataset.chart] ?? { t: [], cpu: [], mem: [] };
    charts.push({
      place, sync, name: place.dataset.chart, series: place.dataset.series,
      times: [...told.t], values: [...told[place.dataset.series]], plot: null, ceiling: 0,
    });
  }
  span = chosenSpan();
  addSpans(places[0].closest(".charts"));
  for (const chart of charts) draw(chart);
  on("points", (points) => {
    for (const chart of charts) {
      const point = points[chart.name];
      if (point) add(chart, point[0], point[chart.series === "cpu" ? 1 : 2]);
    }
  });
  setInterval(() => { if (!document.hidden) for (const chart of charts) show(chart); }, 1000);
  const eyes = new ResizeObserver(() => { for (const chart of charts) resize(chart); });
  for (const chart of charts) eyes.observe(chart.place);
  const redraw = () => { for (const chart of charts) draw(chart); };
  document.addEventListener("theme", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}

function add(chart, time, value) {
  if (chart.times.length && time <= chart.times.at(-1)) return;
  chart.times.push(time);
  chart.values.push(value);
  const oldest = time - 3600;
  let old = 0;
  while (chart.times[old] < oldest) old += 1;
  if (old > 50) { chart.times.splice(0, old); chart.values.splice(0, old); }
}

function draw(chart) {
  chart.plot?.destroy();
  const style = getComputedStyle(chart.place);
  const color = style.getPropertyValue(chart.series === "cpu" ? "--chart-cpu" : "--chart-mem").trim();
  const fill = style.getPropertyValue(chart.series === "cpu" ? "--chart-cpu-fill" : "--chart-mem-fill").trim();
  const axis = { stroke: style.getPropertyValue("--quiet").trim(), font: "11px system-ui, sans-serif",
    grid: { stroke: style.getPropertyValue("--line").trim(), width: 1 }, ticks: { show: false } };
  chart.plot = new uPlot({
    width: Math.max(120, chart.place.clientWidth), height: HEIGHT,
    padding: [8, 2, 0, 0],
    legend: { show: false },
    cursor: { y: false, sync: { key: chart.sync.key, setSeries: false }, points: { size: 6 } },
    scales: { x: { range: () => [now() - span, now()] }, y: { range: () => [0, ceiling(chart)] } },
    axes: [{ ...axis, space: 70, size: 26, values: times }, { ...axis, size: Y_AXIS, space: 32, values: (_, ticks) => ticks.map((tick) => `${tick}%`) }],
    series: [{}, { stroke: color, fill, width: 1.5, spanGaps: true, points: { show: false } }],
    hooks: { setCursor: [(plot) => tip(chart, plot)] },
  }, [chart.times, chart.values], chart.place);
}

/** The labels of the time axis; one that would not fit at the end is left out. */
function times(plot, ticks) {
  const { min, max } = plot.scales.x;
  const last = max - ((max - min) * 26) / (plot.width - Y_AXIS);
  return ticks.map((tick) => (tick > last ? "" : clock(tick, ticks[1] - ticks[0] < 60)));
}

/** The top of the scale: steps that only rise, so that what is little looks little. */
function ceiling(chart) {
  let highest = 0;
  for (const value of chart.values) if (value > highest) highest = value;
  const wanted = chart.series === "cpu"
    ? Math.max(100, Math.ceil(highest / 100) * 100)
    : STEPS.find((step) => highest <= step * 0.9) ?? Math.max(100, Math.ceil(highest / 100) * 100);
  chart.ceiling = Math.max(chart.ceiling, wanted);
  return chart.ceiling;
}

function show(chart) {
  chart.plot?.setData([chart.times, chart.values]);
}

function resize(chart) {
  const width = Math.max(120, chart.place.clientWidth);
  if (chart.plot && chart.plot.width !== width) chart.plot.setSize({ width, height: HEIGHT });
}

function tip(chart, plot) {
  const { idx, left } = plot.cursor;
  let box = chart.place.querySelector(".tip");
  if (!box) {
    box = document.createElement("p");
    box.className = "tip";
    chart.place.append(box);
  }
  const value = idx === null || left < 0 ? null : chart.values[idx];
  box.hidden = value === null || value === undefined;
  if (!box.hidden) box.textContent = `${clock(chart.times[idx], true)}  ${value.toFixed(1)} %`;
}

/** The span that was chosen last, else the smallest that shows all there is. */
function chosenSpan() {
  let chosen = 0;
  try { chosen = Number(sessionStorage.getItem("circus-span")); } catch { /* nothing was chosen */ }
  const all = Object.values(SPANS);
  const first = Math.min(...charts.map((chart) => chart.times[0] ?? Infinity));
  return all.includes(chosen) ? chosen : all.find((seconds) => now() - first < seconds) ?? 3600;
}

function addSpans(section) {
  const group = document.createElement("div");
  group.className = "spans";
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", "Time span of the charts");
  for (const [name, seconds] of Object.entries(SPANS)) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "plain small";
    button.textContent = name;
    button.setAttribute("aria-pressed", String(seconds === span));
    button.onclick = () => {
      span = seconds;
      try { sessionStorage.setItem("circus-span", String(seconds)); } catch { /* for this page, then */ }
      for (const other of group.children) other.setAttribute("aria-pressed", String(other === button));
      for (const chart of charts) show(chart);
    };
    group.append(button);
  }
  section.prepend(group);
}
