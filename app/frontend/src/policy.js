// The rules grid: the check that decides the sample is lit in the grid, in the row whose version was tried.
function light() {
  const result = document.querySelector("[data-tried]");
  for (const cell of document.querySelectorAll(".rules .is-lit")) cell.classList.remove("is-lit");
  if (!result) return;
  for (const column of result.dataset.columns.split(" ").filter(Boolean)) {
    document.querySelector(`.rules th[data-column="${column}"]`)?.classList.add("is-lit");
    document.querySelector(`.rules tr[data-version="${result.dataset.tried}"] [data-column="${column}"]`)?.classList.add("is-lit");
  }
}
document.addEventListener("htmx:afterSettle", light);
light();
