// A click on a row of the findings, or Enter on it, goes to that finding.
function choose(event) {
  const row = event.target.closest("tr[data-row]");
  if (!row) return;
  event.preventDefault();
  trigger("select", { row: Number(row.dataset.row) });
}

element.addEventListener("click", choose);
element.addEventListener("keydown", (event) => {
  if (event.key === "Enter" || event.key === " ") choose(event);
});
