// The keyboard.
import { send } from "./actions.js";
import { root } from "./page.js";
import { move, selected } from "./tables.js";

const PAGES = { w: "", s: "sockets", e: "events", a: "add", x: "extensions" };
let isGoing = false;

export function startKeys() {
  document.querySelector("[data-theme-toggle]")?.addEventListener("click", toggleTheme);
  const keys = document.querySelector("dialog[data-keys]");
  document.querySelector("[data-help]")?.addEventListener("click", () => keys.showModal());
  keys?.querySelector("[data-no]").addEventListener("click", () => keys.close());
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("input, textarea, select, dialog[open]")) return; // one just closed keeps the focus for a frame
    if (press(event.key)) event.preventDefault();
  });
}

function press(key) {
  if (isGoing) {
    isGoing = false;
    if (key in PAGES) location.href = root + PAGES[key];
    return key in PAGES;
  }
  switch (key) {
    case "/": return focusSearch();
    case "j": case "ArrowDown": move(1); return Boolean(document.querySelector("[data-rows]"));
    case "k": case "ArrowUp": move(-1); return Boolean(document.querySelector("[data-rows]"));
    case "g": isGoing = true; setTimeout(() => { isGoing = false; }, 1500); return true;
    case "t": toggleTheme(); return true;
    case "?": document.querySelector("dialog[data-keys]").showModal(); return true;
    case "s": case "+": case "-": case "x": return pressButton(key);
    default: return false;
  }
}

function focusSearch() {
  const input = document.querySelector("[data-search], [data-filter-lines], [data-filter-fields]");
  input?.focus();
  return Boolean(input);
}

function pressButton(key) {
  const place = selected() ?? document.querySelector('[data-row="head"]');
  const button = place?.querySelector(`[data-key="${key}"]`)
    ?? document.querySelector(`[data-row="head"] [data-key="${key}"]`);
  if (button) send(button);
  return Boolean(button);
}

function toggleTheme() {
  const html = document.documentElement;
  const isDark = html.dataset.theme
    ? html.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  html.dataset.theme = isDark ? "light" : "dark";
  try { localStorage.setItem("circus-theme", html.dataset.theme); } catch { /* for this page, then */ }
  document.dispatchEvent(new Event("theme"));
}
