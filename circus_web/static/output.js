// The output of processes, as text and nothing else.
import { on } from "./page.js";

const MOST = 2000;

export function startOutput() {
  const box = document.querySelector("[data-output]");
  if (!box) return;
  const follow = document.querySelector("[data-follow]");
  const filter = document.querySelector("[data-filter-lines]");
  const wrap = document.querySelector("[data-wrap]");
  const toEnd = () => { if (follow.checked) box.scrollTop = box.scrollHeight; };
  const match = (line) => { line.hidden = !line.textContent.toLowerCase().includes(filter.value.toLowerCase()); };

  on("lines", (lines, isWhole) => {
    if (isWhole) box.replaceChildren();
    const fragment = document.createDocumentFragment();
    for (const line of lines.slice(-MOST)) {
      const element = asElement(line);
      match(element);
      fragment.append(element);
    }
    box.append(fragment);
    while (box.children.length > MOST) box.firstElementChild.remove();
    toEnd();
  });
  follow.addEventListener("change", toEnd);
  wrap.addEventListener("change", () => box.classList.toggle("wrap", wrap.checked));
  filter.addEventListener("input", () => { for (const line of box.children) match(line); toEnd(); });
  box.addEventListener("wheel", (event) => { if (event.deltaY < 0) follow.checked = false; }, { passive: true });
  box.addEventListener("scroll", () => {
    if (box.scrollHeight - box.scrollTop - box.clientHeight < 4) follow.checked = true;
  }, { passive: true });
  toEnd();
}

function asElement(line) {
  const element = document.createElement("div");
  if (line.gap) {
    element.className = "line gap";
    element.textContent = "… some lines are missing here …";
    return element;
  }
  element.className = line.stream === "stderr" ? "line err" : "line";
  const who = document.createElement("span");
  who.className = "who";
  who.title = String(line.pid);
  who.textContent = String(line.wid);
  element.append(who, String(line.message));
  return element;
}
