// Tables: search, sort, bars, sparklines, which row is chosen.
import { on } from "./page.js";
import { catchUp, lazy, rows, seen as visible } from "./live.js";

const SPARK_POINTS = 60;
const sparks = new Map();
let sorting = null;

const eyes = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const row = entry.target;
    if (entry.isIntersecting) {
      visible.add(row);
      catchUp(row);
      paint(row);
    } else {
      visible.delete(row);
      row.querySelector("[data-spark]")?.replaceChildren();
    }
  }
}, { rootMargin: "100px" });

export function startTables() {
  for (const row of document.querySelectorAll("[data-row]")) watch(row);
  for (const input of document.querySelectorAll("[data-search]")) {
    input.addEventListener("input", search);
    input.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { input.value = ""; search(); input.blur(); }
    });
  }
  for (const button of document.querySelectorAll("[data-sort]")) button.addEventListener("click", () => sortBy(button));
  on("row", (row) => { watch(row); match(row); });
  on("rows", () => { if (sorting) arrange(); search(); });
  on("cells", (row, id, cells) => {
    if (cells.cpu !== undefined) extend(id, Number.parseFloat(cells.cpu));
    if (visible.has(row)) paint(row);
  });
  on("replaced", (row) => { eyes.unobserve(row); visible.delete(row); });
  on("gone", (id, row) => {
    sparks.delete(id);
    if (row) { eyes.unobserve(row); visible.delete(row); }
  });
  on("recent", (recent) => {
    for (const [id, values] of Object.entries(recent)) {
      sparks.set(id, values.slice(-SPARK_POINTS));
      const row = rows.get(id);
      if (row && visible.has(row)) paint(row);
    }
  });
  // A figure that stays as it is, is not told again, but time goes on.
  setInterval(() => {
    for (const row of visible) {
      const cell = row.querySelector('[data-cell="cpu"]');
      if (!cell || !row.querySelector("[data-spark]")) continue;
      const id = row.dataset.row;
      if (!fresh.delete(id)) push(id, Number.parseFloat(cell.textContent));
      paint(row);
    }
  }, 2000);
}

const fresh = new Set();

function extend(id, value) {
  fresh.add(id);
  push(id, value);
}

function push(id, value) {
  const values = sparks.get(id) ?? [];
  values.push(Number.isFinite(value) ? value : null);
  if (values.length > SPARK_POINTS) values.shift();
  sparks.set(id, values);
}

function watch(row) {
  if (!row.querySelector(".meter")) return;
  lazy.add(row);
  eyes.observe(row);
}

function paint(row) {
  for (const cell of row.querySelectorAll(".meter")) {
    const part = Math.min(100, (100 * (Number.parseFloat(cell.textContent) || 0)) / Number(cell.dataset.max));
    cell.style.setProperty("--part", part < 3 ? "0%" : `${part}%`);  // less would look like dirt
  }
  const place = row.querySelector("[data-spark]");
  if (!place) return;
  if (!place.firstElementChild) place.append(document.createElement("canvas"));
  drawSpark(place.firstElementChild, sparks.get(row.dataset.row) ?? []);
}

function drawSpark(canvas, values) {
  const scale = devicePixelRatio || 1;
  const [width, height] = [96, 22];
  if (canvas.width !== width * scale) { canvas.width = width * scale; canvas.height = height * scale; }
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  const style = getComputedStyle(canvas);
  context.fillStyle = style.getPropertyValue("--line");
  context.fillRect(0, height - 1, width, 1);
  if (values.length < 2) return;
  // Not scaled to what is there: a quiet process looks quiet.
  const top = Math.max(100, ...values.filter(Number.isFinite));
  const step = width / (SPARK_POINTS - 1);
  const left = width - step * (values.length - 1);
  context.beginPath();
  let isDrawing = false;
  values.forEach((value, index) => {
    if (!Number.isFinite(value)) return; // while nobody looked there were few samples
    const [x, y] = [left + index * step, height - 1.5 - (value / top) * (height - 3)];
    if (isDrawing) context.lineTo(x, y); else context.moveTo(x, y);
    isDrawing = true;
  });
  context.strokeStyle = style.color;
  context.lineWidth = 1.5;
  context.lineJoin = "round";
  context.stroke();
}

function search() {
  for (const row of rows.values()) match(row);
  const none = document.querySelector("[data-none]");
  if (!none) return;
  const all = [...document.querySelectorAll("[data-rows] tbody tr")];
  none.textContent = all.length ? "Nothing matches." : none.dataset.none;
  none.hidden = all.some((row) => !row.hidden);
}

function match(row) {
  const input = document.querySelector("[data-search]");
  if (!input || row.dataset.name === undefined) return;
  row.hidden = !input.value.toLowerCase().split(/\s+/).every((word) => row.dataset.name.toLowerCase().includes(word));
}

function sortBy(button) {
  const name = button.dataset.sort;
  const isSame = sorting?.name === name;
  sorting = { name, direction: isSame ? -sorting.direction : name === "name" || name === "wid" || name === "pid" ? 1 : -1 };
  for (const head of document.querySelectorAll("th[aria-sort]")) head.removeAttribute("aria-sort");
  button.closest("th").setAttribute("aria-sort", sorting.direction > 0 ? "ascending" : "descending");
  arrange();
}

function arrange() {
  const place = document.querySelector("[data-rows] tbody");
  const key = (row) => {
    if (sorting.name === "name") return row.dataset.name;
    const text = row.querySelector(`[data-cell="${sorting.name}"]`)?.textContent ?? "";
    return sorting.name === "rss" ? bytes(text) : Number.parseFloat(text) || 0;
  };
  for (const row of place.children) catchUp(row);
  const keyed = [...place.children].map((row) => [key(row), row]);
  keyed.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0) * sorting.direction);
  place.append(...keyed.map(([, row]) => row));
}

function bytes(text) {
  const units = "BKMGTPEZY";
  return Number.parseFloat(text) * 1024 ** Math.max(0, units.indexOf(text.slice(-1))) || 0;
}

// Which row the keyboard is at.

export function selected() {
  return document.querySelector("tr.selected:not([hidden])");
}

export function move(by) {
  const all = [...document.querySelectorAll("[data-rows] tbody tr")].filter((row) => !row.hidden);
  if (!all.length) return;
  const old = selected();
  const index = old ? all.indexOf(old) + by : by > 0 ? 0 : all.length - 1;
  const row = all[Math.max(0, Math.min(all.length - 1, index))];
  old?.classList.remove("selected");
  row.classList.add("selected");
  row.scrollIntoView({ block: "nearest" });
  (row.querySelector("[data-open]") ?? row.querySelector("a, button"))?.focus({ preventScroll: true });
}
