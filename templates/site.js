// A search over the first table. Without it the page is all there: it only hides rows.
(() => {
  const table = document.querySelector("main table");
  if (!table) return;
  const words = /* words */ [];
  const rows = [...table.tBodies[0].rows];
  const texts = rows.map((row, at) => `${row.textContent} ${words[at] ?? ""}`.toLowerCase());
  const label = document.createElement("label");
  const input = document.createElement("input");
  const count = document.createElement("span");
  label.textContent = "Search";
  input.type = "search";
  input.placeholder = "deployment, board, verdict, operator, kernel, owner";
  count.setAttribute("role", "status");
  label.append(input);
  const form = document.createElement("form");
  form.className = "search";
  form.setAttribute("role", "search");
  form.append(label, count);
  form.addEventListener("submit", (event) => event.preventDefault());
  const show = () => {
    const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, at) => {
      row.hidden = !wanted.every((word) => texts[at].includes(word));
      shown += row.hidden ? 0 : 1;
    });
    count.textContent = wanted.length ? `${shown} of ${rows.length}` : "";
  };
  input.addEventListener("input", show);
  table.closest(".scroll").before(form);
  show();
})();
