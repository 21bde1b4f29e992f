"use strict";
// Sorting of tables, and choosing a row. Everything else on the page works without.
(() => {
  const say = (id, text) => { document.getElementById(id).textContent = text; };

  // --- Tables -------------------------------------------------------------------------------

  const sortable = (table) => {
    const body = table.tBodies[0];
    const cells = [...table.rows[0].cells].filter((cell) => cell.dataset.sort);
    const heads = cells.concat([...table.rows[1].cells]);
    const first = [...body.rows].map((row, place) => [row, place]);
    const key = (row, column, kind) => {
      const cell = row.cells[column];
      if (kind === "text") return cell.textContent;
      return cell.dataset.key === "" ? null : Number(cell.dataset.key);
    };
    const sort = (head, column) => {
      const kind = head.dataset.sort;
      const usual = kind === "descending" ? "descending" : "ascending";
      const other = usual === "ascending" ? "descending" : "ascending";
      const order = head.getAttribute("aria-sort") === usual ? other : usual;
      const sign = order === "ascending" ? 1 : -1;
      const compare = (a, b) => {
        if (kind === "text") return sign * a.localeCompare(b, undefined, { numeric: true });
        if (a === null || b === null) return (a === null) - (b === null);
        return sign * (a - b);
      };
      const sorted = first.map(([row, place]) => [key(row, column, kind), place, row]);
      sorted.sort((a, b) => compare(a[0], b[0]) || a[1] - b[1]);
      body.append(...sorted.map((line) => line[2]));
      heads.forEach((cell) => cell.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      const of = head.dataset.of ? `, ${head.dataset.of}` : "";
      say("said", `Sorted by ${head.textContent}${of}, ${order}`);
    };
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      if (head.dataset.of) button.setAttribute("aria-label", `${head.textContent}, ${head.dataset.of}`);
      head.replaceChildren(button);
      button.addEventListener("click", () => sort(head, column));
    });
    if (heads.length > 1) heads[1].setAttribute("aria-sort", "descending");
  };
  document.querySelectorAll("table.sortable").forEach(sortable);

  // --- Rows ---------------------------------------------------------------------------------

  const source = document.getElementById("row-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const table = document.getElementById("row-table");
  const caption = document.getElementById("row-caption");
  const rowChoice = document.getElementById("row-choice");
  const outputChoice = document.getElementById("output-choice");
  const before = document.getElementById("row-before");
  const after = document.getElementById("row-after");

  // Three significant digits, as everywhere on the page.
  const number = (value) => {
    if (value === null) return "–";
    if (value === 0) return "0";
    const exponent = Number(value.toExponential(2).split("e")[1]);
    const text = exponent >= -3 && exponent < 6
      ? value.toFixed(Math.max(0, 2 - exponent))
      : value.toExponential(2).replace("e+", "e");
    return text.replaceAll("-", "−");
  };
  const signed = (value) => (value > 0 ? "+" : "") + number(value);
  const answer = (row) => (row.answer === null ? "" : `, target ${row.answer}`);

  const element = (name, text, attributes = {}) => {
    const made = document.createElement(name);
    if (text !== null) made.textContent = text;
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    return made;
  };
  const isolated = (name, text, attributes = {}) => {
    const made = element(name, null, attributes);
    made.append(element("bdi", text));
    return made;
  };
  const bar = (span, from, to) => {
    const space = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(space, "svg");
    svg.setAttribute("class", "step");
    svg.setAttribute("viewBox", "0 0 200 14");
    svg.setAttribute("preserveAspectRatio", "none");
    const place = (value) => Math.round((value - span.low) / span.width * 2000) / 10;
    const [a, b] = [place(from), place(to)];
    const rect = document.createElementNS(space, "rect");
    rect.setAttribute("class", to < from ? "down" : "up");
    rect.setAttribute("x", Math.min(a, b));
    rect.setAttribute("y", 1);
    rect.setAttribute("width", Math.max(0.6, Math.round(Math.abs(a - b) * 10) / 10));
    rect.setAttribute("height", 12);
    svg.append(rect);
    return svg;
  };
  const line = (name, text, adds, picture, end) => {
    const row = element("tr", null, end ? { class: "end" } : {});
    const space = element("td", null, { "aria-hidden": "true" });
    if (picture) space.append(picture);
    const head = end ? element("th", name, { scope: "row" }) : isolated("th", name, { scope: "row" });
    row.append(head, element("td", text), element("td", adds), space);
    return row;
  };

  const show = (spoken) => {
    const row = data.rows[rowChoice.selectedIndex];
    const place = outputChoice ? outputChoice.selectedIndex : 0;
    const of = data.outputs.length > 1 ? `, ${data.outputs[place]}` : "";
    const shown = row.outputs[place];
    const others = data.n_players - shown.adds.length;
    const adds = shown.adds.map(([name, value, text]) => [data.names[name], text, value]);
    if (others > 0) adds.push([`${others} others`, "", shown.rest]);
    const way = [shown.base ?? 0];
    adds.forEach(([, , value]) => way.push(way[way.length - 1] + value));
    const low = Math.min(...way);
    const span = { low, width: Math.max(...way) - low || 1 };
    const rows = adds.map(([name, text, value], i) =>
      line(name, text, signed(value), bar(span, way[i], way[i + 1]), false));
    caption.replaceChildren(`Row ${row.n}`, element("bdi", answer(row) + of));
    table.tBodies[0].replaceChildren(
      line("Base value", "", number(shown.base), null, true),
      ...rows,
      line("Together", "", number(shown.total), null, true),
    );
    before.disabled = rowChoice.selectedIndex === 0;
    after.disabled = rowChoice.selectedIndex === data.rows.length - 1;
    if (spoken) say("row-said", `${caption.textContent}: together ${number(shown.total)}`);
  };
  const step = (by) => {
    rowChoice.selectedIndex += by;
    show(true);
  };
  rowChoice.append(...data.rows.map((row) => element("option", `${row.n}${answer(row)}`)));
  rowChoice.addEventListener("change", () => show(true));
  if (outputChoice) {
    outputChoice.append(...data.outputs.map((name) => element("option", name)));
    outputChoice.addEventListener("change", () => show(true));
  }
  before.addEventListener("click", () => step(-1));
  after.addEventListener("click", () => step(1));
  document.getElementById("picker").hidden = false;
  show(false);
})();
