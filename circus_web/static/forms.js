// The form of options: which fields were changed, which ones match a search.

export function startForms() {
  const form = document.querySelector("form[data-options]");
  if (!form) return;
  const fields = [...form.querySelectorAll(".field")];
  const note = form.querySelector("[data-changed]");
  const search = form.querySelector("[data-filter-fields]");
  const wrong = form.querySelector(".field.bad");

  const mark = () => {
    const changed = fields.filter((field) => field.classList.toggle("changed", isChanged(field)));
    const names = changed.map((field) => field.querySelector("label").textContent.trim());
    if (note) note.textContent = names.length ? `Changed: ${names.join(", ")}` : "Nothing is changed.";
  };
  form.addEventListener("input", (event) => {
    if (event.target !== search) mark();
  });
  form.addEventListener("reset", () => setTimeout(mark));
  search.addEventListener("input", () => filter(form, fields, search.value));
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
    if (event.key === "Escape") { search.value = ""; filter(form, fields, ""); search.blur(); }
  });
  if (wrong) {
    wrong.scrollIntoView({ block: "center" });
    wrong.querySelector("input, textarea, select").focus({ preventScroll: true });
  } else {
    mark();
  }
}

function isChanged(field) {
  const control = field.querySelector("input, textarea, select");
  if (control.tagName === "SELECT") return [...control.options].some((option) => option.selected !== option.defaultSelected);
  return control.value !== control.defaultValue;
}

/** Show the fields whose name or description has all words of `text`, and only the groups that have one. */
function filter(form, fields, text) {
  const words = text.toLowerCase().split(/\s+/);
  for (const field of fields) {
    const own = `${field.querySelector("label").textContent} ${field.querySelector(".doc")?.textContent ?? ""}`.toLowerCase();
    field.hidden = !words.every((word) => own.includes(word));
  }
  for (const group of form.querySelectorAll("fieldset")) {
    group.hidden = !group.querySelector(".field:not([hidden])");
  }
}
