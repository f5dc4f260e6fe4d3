// Buttons send their command without leaving the page.
import { ask, body, root, toast } from "./page.js";

export function startActions() {
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (event.target.id !== "act" || !button) return;
    event.preventDefault();
    send(button);
  });
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target) || event.target.closest(".menu-items button")) menu.open = false;
    }
  });
}

/** Do what `button` says, after a question where it has one. */
export async function send(button) {
  if (button.dataset.confirm && !(await ask(button.dataset.confirm))) return;
  const then = button.dataset.then;
  button.setAttribute("aria-busy", "true");
  try {
    const reply = await fetch(`${root}do`, {
      method: "POST",
      headers: { "Accept": "application/json", "X-CSRF-Token": body.dataset.csrf },
      body: new URLSearchParams({ button: button.value }),
    });
    if (reply.status === 401) { location.reload(); return; }
    const said = await reply.json();
    if (said.ok && then) { location.href = then; return; }
    toast(said.message, !said.ok);
  } catch {
    toast("The console does not answer.", true);
  } finally {
    button.removeAttribute("aria-busy");
  }
}
