// Keeps a page as the server tells it: by a WebSocket, or by asking where there is none.
import { body, duration, now, root, setClock, tell } from "./page.js";

const POLL = 2000;
const MAX_PAUSE = 15000;
const CHUNK = 50;
const PATIENCE = 4000; // milliseconds that a socket may take to open before we ask instead

const versions = JSON.parse(body.dataset.live || "{}");
let isUp = true;
let socket = null;
let failures = 0;
let pollTimer = 0;

export const rows = new Map();
export const seen = new Set(); // rows in sight
export const lazy = new WeakSet(); // rows of which it is known whether they are in sight
const unshown = new Map(); // texts of rows out of sight, by id

export function startLive() {
  for (const row of document.querySelectorAll("[data-row]")) rows.set(row.dataset.row, row);
  setInterval(tick, 1000);
  const waiting = document.querySelector("[data-reconnect]");
  if (waiting?.dataset.reconnect) waitForDaemon();
  if (Object.keys(versions).length) openSocket();
  if (body.dataset.rest) loadRest();
}

function openSocket() {
  const query = new URLSearchParams();
  for (const [channel, version] of Object.entries(versions)) {
    query.append("c", channel);
    query.append("since", version);
  }
  const url = new URL(`${root}live?${query}`, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const opening = new WebSocket(url);
  const late = setTimeout(() => opening.close(), PATIENCE);
  opening.onopen = () => {
    clearTimeout(late);
    failures = 0;
    socket = opening;
    clearTimeout(pollTimer);
    setWay("live");
  };
  opening.onmessage = (event) => take(JSON.parse(event.data));
  opening.onclose = () => {
    clearTimeout(late);
    socket = null;
    failures += 1;
    if (failures === 1) poll();
    setTimeout(openSocket, Math.min(MAX_PAUSE, 500 * 2 ** failures));
  };
}

async function poll() {
  clearTimeout(pollTimer);
  if (socket) return;
  try {
    const reply = await fetch(`${root}poll?since=${encodeURIComponent(JSON.stringify(versions))}`, {
      headers: { "Accept": "application/json" },
    });
    if (reply.status === 401 || reply.status === 409) { location.reload(); return; }
    if (reply.ok) {
      for (const message of await reply.json()) take(message);
      setWay("polling");
    }
  } catch {
    setWay("gone");
  }
  if (!socket) pollTimer = setTimeout(poll, document.hidden ? 5 * POLL : POLL);
}

function setWay(way) {
  const lost = document.querySelector("[data-lost]");
  if (!lost) return;
  body.dataset.way = way;
  const dot = document.querySelector("[data-dot]");
  if (way === "gone") {
    lost.textContent = "The console does not answer. Trying again…";
    lost.hidden = false;
  } else if (isUp) {
    lost.hidden = true;
  }
  dot.className = way === "gone" || !isUp ? "dot is-lost" : "dot";
  dot.title = way === "live" ? "live" : way === "polling" ? "live, by asking every two seconds" : "no connection";
}

function take(message) {
  if (!(message.c in versions)) return;
  if (message.v) versions[message.c] = message.v;
  setClock(message.t);
  setUp(message.up, message.why);
  if (message.whole) dropOthers(message);
  for (const [region, id, html] of message.rows ?? []) putRow(region, id, html);
  for (const id of message.gone ?? []) dropRow(id);
  for (const [id, cells] of Object.entries(message.cells ?? {})) putCells(id, cells);
  for (const [region, html] of Object.entries(message.html ?? {})) putHtml(region, html);
  if (message.points) tell("points", message.points);
  if (message.lines || message.whole) tell("lines", message.lines ?? [], Boolean(message.whole));
  if (message.rows || message.gone) tell("rows");
}

function setUp(up, why) {
  if (up === isUp) return;
  isUp = up;
  const lost = document.querySelector("[data-lost]");
  if (!lost) return;
  lost.hidden = up;
  if (!up) lost.textContent = `${why}${/[.?!]$/.test(why) ? "" : "."} What you see is how it was; trying again…`;
  document.querySelector("[data-dot]").className = up ? "dot" : "dot is-lost";
  body.classList.toggle("is-lost", !up);
}

function dropOthers(message) {
  const kept = new Set((message.rows ?? []).map((row) => row[1]));
  const regions = new Set((message.rows ?? []).map((row) => row[0]));
  for (const [id, row] of rows) {
    const region = row.closest("[data-region]")?.dataset.region;
    if (!kept.has(id) && (regions.has(region) || message.c.startsWith("index") || message.c.startsWith("watcher"))) dropRow(id);
  }
}

function putRow(region, id, html) {
  const place = document.querySelector(`[data-region="${region}"]`);
  if (!place) return;
  const holder = document.createElement("template");
  holder.innerHTML = html;
  const row = holder.content.querySelector("[data-row]");
  const old = rows.get(id);
  rows.set(id, row);
  unshown.delete(id);
  if (old) {
    const focused = [...old.querySelectorAll("a, button")].indexOf(document.activeElement);
    row.classList.toggle("selected", old.classList.contains("selected"));
    row.hidden = old.hidden;
    old.replaceWith(row);
    tell("replaced", old);
    // Who is at a button stays at it: the same key must not do something else.
    if (focused >= 0) row.querySelectorAll("a, button")[focused]?.focus({ preventScroll: true });
  } else if (place.closest("[data-newest-first]")) {
    let older = place.firstElementChild;
    while (older && number(older) > number(row)) older = older.nextElementSibling;
    place.insertBefore(row, older);
  } else {
    place.append(row);
  }
  tell("row", row, id);
}

/** The number in the id of a row: events are counted. */
function number(row) {
  return Number(row.dataset.row.split(":")[1]);
}

function dropRow(id) {
  const row = rows.get(id);
  row?.remove();
  rows.delete(id);
  unshown.delete(id);
  tell("gone", id, row);
}

/** Get the rows that the page came without, so that it could be shown at once, a few at a time. */
async function loadRest() {
  try {
    const reply = await fetch(`${root}rest?${body.dataset.rest}`, { headers: { "Accept": "application/json" } });
    const rest = reply.ok ? await reply.json() : [];
    for (let at = 0; at < rest.length; at += CHUNK) {
      for (const [region, id, html] of rest.slice(at, at + CHUNK)) if (!rows.has(id)) putRow(region, id, html);
      await new Promise((resolve) => setTimeout(resolve));
    }
  } catch { /* the live messages will tell */ }
  tell("rows");
}

function putCells(id, cells) {
  const row = rows.get(id);
  if (row && lazy.has(row) && !seen.has(row)) {
    // Of a long table only what is in sight is worth the layout; the rest is shown once it comes there.
    unshown.set(id, { ...unshown.get(id), ...cells });
  } else {
    showCells(id, row, cells);
  }
  if (row) tell("cells", row, id, cells);
}

/** Show what was told of a row while it was out of sight. */
export function catchUp(row) {
  const id = row.dataset.row;
  const cells = unshown.get(id);
  if (!cells) return;
  unshown.delete(id);
  showCells(id, row, cells);
}

function showCells(id, row, cells) {
  for (const [name, text] of Object.entries(cells)) {
    const places = row
      ? row.querySelectorAll(`[data-cell="${CSS.escape(name)}"]`)
      : document.querySelectorAll(`[data-place="${CSS.escape(id)}"][data-cell="${CSS.escape(name)}"]`);
    for (const place of places) {
      place.textContent = text;
      if (place.classList.contains("flash")) place.hidden = !text;
    }
  }
}

function putHtml(region, html) {
  const place = document.querySelector(`[data-html="${CSS.escape(region)}"]`);
  if (!place || place.dataset.shown === html) return;
  place.dataset.shown = html;
  place.innerHTML = html;
  const panel = place.closest("[data-panel]");
  if (panel) panel.hidden = !html.trim();
}

function tick() {
  if (document.hidden || !isUp) return;
  const time = now();
  // Of a long table only what is in sight.
  const places = [...seen].flatMap((row) => [...row.querySelectorAll("time[data-since]")]);
  for (const place of [...places, ...document.querySelectorAll(".head time[data-since]")]) {
    const since = Number(place.dataset.since);
    if (!since) continue;
    const text = duration(time - since);
    if (place.textContent !== text) place.textContent = text;
  }
}

/** On the connect page: go on by itself once the daemon is back. */
async function waitForDaemon() {
  try {
    const reply = await fetch(`${root}poll?since=${encodeURIComponent('{"index:":""}')}`, {
      headers: { "Accept": "application/json" },
    });
    if (reply.ok && (await reply.json()).every((message) => message.up)) { location.href = root; return; }
  } catch { /* the console is gone too; it may come back */ }
  setTimeout(waitForDaemon, POLL);
}
