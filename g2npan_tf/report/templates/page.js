"use strict";
// Sorts tables by a click on a column's heading (empty cells stay last) and
// filters the rows of long ones by text. Without scripts the tables stand in
// their given order.
(() => {
  const key = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.sort ?? cell.textContent.trim();
  };
  const compare = (one, two, numeric) =>
    numeric ? Number(one) - Number(two)
      : one.localeCompare(two, undefined, {numeric: true});
  const sort = (table, column, descending) => {
    const numeric = table.tHead.rows[0].cells[column].dataset.type === "number";
    const body = table.tBodies[0];
    const keyed = [...body.rows].map((row) => [key(row, column), row]);
    keyed.sort(([one], [two]) => {
      if (one === "" || two === "") return (one === "") - (two === "");
      return compare(one, two, numeric) * (descending ? -1 : 1);
    });
    body.append(...keyed.map(([, row]) => row));
  };
  const addFilter = (table) => {
    const rows = [...table.tBodies[0].rows];
    if (rows.length <= 30) return;
    const label = document.createElement("label");
    const field = document.createElement("input");
    label.className = "filter";
    field.type = "search";
    label.append("Only rows containing", field);
    table.parentElement.before(label);
    field.addEventListener("input", () => {
      const wanted = field.value.toLowerCase();
      for (const row of rows) {
        row.hidden = !row.textContent.toLowerCase().includes(wanted);
      }
    });
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    addFilter(table);
    [...table.tHead.rows[0].cells].forEach((head, column, heads) => {
      if (head.dataset.type === "none") return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const first = head.dataset.first ?? "ascending";
        const other = first === "ascending" ? "descending" : "ascending";
        const next = now === first ? other : first;
        heads.forEach((each) => each.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", next);
        sort(table, column, next === "descending");
      });
    });
  }
})();
