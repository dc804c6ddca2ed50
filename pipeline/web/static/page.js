// What the pages can't do without: take the key from the address, drop a file, show progress. All else works without.
"use strict";

const enter = document.getElementById("enter");
const key = /^#[\w-]{43}$/.test(location.hash) ? location.hash.slice(1) : "";
if (key) {
  history.replaceState(null, "", location.pathname + location.search); // out of the address bar and of the history
  if (enter) {
    enter.elements.key.value = key;
    enter.submit();
  }
}

for (const zone of document.querySelectorAll(".drop")) {
  const input = zone.querySelector("input[type=file]");
  const over = (on) => (event) => {
    event.preventDefault();
    zone.classList.toggle("over", on);
  };
  zone.addEventListener("dragover", over(true));
  zone.addEventListener("dragleave", over(false));
  zone.addEventListener("drop", (event) => {
    over(false)(event);
    if (event.dataTransfer.files.length) {
      input.files = event.dataTransfer.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    }
  });
  input.addEventListener("change", () => {
    if (zone.dataset.submit !== undefined && input.files.length) zone.closest("form").requestSubmit();
  });
}

// A form is sent once: a second click while the answer is on its way would be refused, or do the same again.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "yes";
    const waiting = form.querySelector("[data-waiting]");
    if (waiting) waiting.textContent = waiting.dataset.waiting;
  });
}
window.addEventListener("pageshow", (event) => {
  if (event.persisted) for (const form of document.querySelectorAll("form")) delete form.dataset.sent;
});

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = button.dataset.copied;
  });
}

// On a small screen a table that is too wide becomes a list: its last columns, the amounts, would be out of sight.
const tables = document.querySelectorAll(".scroll > table");
for (const table of tables) {
  const headings = [...table.querySelectorAll("thead th")].map((heading) => heading.textContent.trim());
  if (!headings.length) continue;
  for (const cell of table.querySelectorAll("tbody tr > *, tfoot tr > *")) {
    cell.dataset.label = headings[cell.cellIndex];
    if (!cell.childElementCount && !cell.textContent.trim()) cell.dataset.empty = "";
  }
}
const stack = () => {
  const small = matchMedia("(max-width: 40rem)").matches;
  for (const table of tables) {
    table.classList.remove("stacked");
    const tooWide = table.scrollWidth > table.parentElement.clientWidth && table.tHead;
    table.classList.toggle("stacked", Boolean(small && tooWide));
  }
};
addEventListener("resize", stack);
stack();

const progress = document.querySelector("[data-progress]");
if (progress) {
  const source = new EventSource(progress.dataset.progress);
  source.addEventListener("message", (event) => {
    const now = JSON.parse(event.data);
    if (now.go) return source.close(), location.replace(now.go);
    for (const [name, text] of Object.entries(now.texts)) {
      const place = document.getElementById(name);
      if (place && place.textContent !== text) place.textContent = text;
    }
    const bar = progress.querySelector("progress");
    if (now.total) Object.assign(bar, { max: now.total, value: now.done });
    else bar.removeAttribute("value");
  });
}

// A corrected cell is kept and checked as soon as it is left; what comes back takes the row's place.
document.addEventListener("change", async (event) => {
  const form = event.target.closest("form[data-row]");
  if (!form || event.target.type === "checkbox") return;
  const response = await fetch(form.action, {
    method: "POST",
    headers: { "x-fragment": "yes" },
    body: new URLSearchParams(new FormData(form)),
  });
  if (!response.ok) return form.requestSubmit(); // told on a page of its own
  const place = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("[data-left]");
  if (!place) return location.reload();
  const focused = document.activeElement && document.activeElement.id;
  form.closest("section.row").replaceWith(place.querySelector("section.row"));
  document.getElementById("left").textContent = place.dataset.left;
  const next = focused && document.getElementById(focused);
  if (next && document.activeElement !== next) next.focus();
});
