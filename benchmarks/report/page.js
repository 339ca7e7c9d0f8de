"use strict";

const rowsOf = (body) => [...body.rows].filter((row) => !row.classList.contains("group"));

const compare = (a, b, numeric) => {
  if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);  // the lacking come last
  return numeric ? a - b : a.localeCompare(b);
};

// rows of different groups are never ranked together, so that each group is sorted for itself
const sort = (table, heading) => {
  const numeric = heading.classList.contains("number");
  const first = numeric ? "descending" : "ascending";
  const other = numeric ? "ascending" : "descending";
  const direction = heading.getAttribute("aria-sort") === first ? other : first;
  const sign = direction === "ascending" ? 1 : -1;
  const value = (row) => row.cells[heading.cellIndex].dataset.value;
  for (const body of table.tBodies) {
    const sorted = rowsOf(body).sort((a, b) => {
      const lacking = value(a) === undefined || value(b) === undefined;
      return (lacking ? 1 : sign) * compare(value(a), value(b), numeric);
    });
    body.append(...sorted);
  }
  for (const one of table.tHead.rows[0].cells) one.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", direction);
};

const filter = (form, table) => {
  const words = form.querySelector("input").value.toLowerCase().split(/\s+/);
  const group = form.querySelector("select").value;
  let shown = 0, all = 0;
  for (const body of table.tBodies) {
    const title = body.dataset.title ?? "";
    let some = false;
    for (const row of rowsOf(body)) {
      const text = `${row.textContent} ${title}`.toLowerCase();
      row.hidden = row.dataset.out === "out" || (group && group !== title) || !words.every((word) => text.includes(word));
      some ||= !row.hidden;
      shown += !row.hidden;
      all += 1;
    }
    body.hidden = !some;
  }
  form.querySelector("output").value = shown < all ? `${shown} of ${all} rows` : "";
};

for (const table of document.querySelectorAll("table")) {
  for (const heading of table.tHead.rows[0].cells) {
    heading.querySelector("button").addEventListener("click", () => sort(table, heading));
  }
}
for (const form of document.querySelectorAll("form.filters")) {
  const table = form.nextElementSibling.querySelector("table");
  form.addEventListener("input", () => filter(form, table));
  form.addEventListener("submit", (event) => event.preventDefault());
}
