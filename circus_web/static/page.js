// What all parts of a page share: rows by id, time of the server, messages to the person.
export const body = document.body;
export const root = body.dataset.root;
export const canSend = Boolean(document.getElementById("act"));

const listeners = new Map();

/** Call `listener` whenever `name` happens. */
export function on(name, listener) {
  if (!listeners.has(name)) listeners.set(name, []);
  listeners.get(name).push(listener);
}

/** Let `name` happen. */
export function tell(name, ...details) {
  for (const listener of listeners.get(name) ?? []) listener(...details);
}

// How far the clock of the server is ahead, in seconds.
let ahead = 0;

export function setClock(time) {
  ahead = time - Date.now() / 1000;
}

export function now() {
  return Date.now() / 1000 + ahead;
}

export function duration(seconds) {
  const left = Math.max(0, Math.floor(seconds));
  for (const [name, length, lesser, part] of [["d", 86400, "h", 3600], ["h", 3600, "m", 60], ["m", 60, "s", 1]]) {
    if (left >= length) {
      const rest = Math.floor((left % length) / part);
      return Math.floor(left / length) + name + (rest ? ` ${rest}${lesser}` : "");
    }
  }
  return `${left}s`;
}

/** Show a message for a while. */
export function toast(text, isError = false) {
  const box = document.querySelector("[data-toasts]");
  const item = document.createElement("p");
  item.className = isError ? "toast is-error" : "toast";
  item.textContent = text;
  box.append(item);
  while (box.children.length > 4) box.firstElementChild.remove();
  setTimeout(() => item.remove(), isError ? 9000 : 4000);
}

/** Ask before something that cannot be undone; resolves to true or false. */
export function ask(text) {
  const dialog = document.querySelector("dialog[data-ask]");
  dialog.querySelector("p").textContent = text;
  return new Promise((resolve) => {
    const answer = (yes) => () => { dialog.close(); resolve(yes); };
    dialog.querySelector("[data-yes]").onclick = answer(true);
    dialog.querySelector("[data-no]").onclick = answer(false);
    dialog.oncancel = () => resolve(false);
    dialog.showModal();
    dialog.querySelector("[data-no]").focus();
  });
}
