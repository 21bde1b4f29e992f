// What a reader with a keyboard, a screen reader or tired eyes would stumble over: one sentence
// each. The rules are those of WCAG 2 that can be seen from a page's own elements.
(() => {
  const problems = [];
  const visible = (element) => element.checkVisibility({ visibilityProperty: true });
  const all = (selector) => [...document.querySelectorAll(selector)].filter(visible);
  const name = (element) => {
    const by = element.getAttribute("aria-labelledby");
    if (by) return by.split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join(" ").trim();
    const label = element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent;
    return (label ?? element.querySelector(":scope > title")?.textContent ?? element.textContent).trim();
  };
  const short = (element) => element.outerHTML.slice(0, 90);

  if (!document.documentElement.lang) problems.push("the page has no language");
  if (!document.title.trim()) problems.push("the page has no title");
  if (all("h1").length !== 1) problems.push("there is not exactly one h1");
  if (all("main").length !== 1) problems.push("there is not exactly one main");
  let level = 0;
  for (const heading of all("h1, h2, h3, h4, h5, h6")) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) problems.push(`a heading skips a level: ${short(heading)}`);
    level = next;
  }
  for (const element of all("a, button, select, input, [role=region], nav, section, svg[role=img], table")) {
    if (!name(element)) problems.push(`an element has no name: ${short(element)}`);
  }
  for (const table of all("table")) {
    if (!table.caption?.textContent.trim()) problems.push(`a table has no caption: ${short(table)}`);
    for (const head of table.querySelectorAll("th")) {
      if (!head.scope) problems.push(`a table's heading has no scope: ${short(head)}`);
    }
  }
  for (const svg of all("svg")) {
    const hidden = svg.closest("[aria-hidden=true]");
    if (!hidden && svg.getAttribute("role") !== "img") problems.push(`a picture is no image: ${short(svg)}`);
  }
  for (const element of all("[aria-hidden=true] a, [aria-hidden=true] button, [aria-hidden=true] [tabindex]")) {
    problems.push(`what is hidden from screen readers can be focused: ${short(element)}`);
  }
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids)) {
    if (ids.filter((other) => other === id).length > 1) problems.push(`the id ${id} is there twice`);
  }
  for (const element of document.querySelectorAll("[aria-labelledby], [href^='#'], [for]")) {
    const to = element.getAttribute("aria-labelledby") ?? element.getAttribute("for") ?? element.getAttribute("href").slice(1);
    if (!document.getElementById(to)) problems.push(`${short(element)} points nowhere`);
  }
  for (const element of all("button, select, input")) {
    const box = element.getBoundingClientRect();
    // WCAG 2.2, target size (minimum).
    if (box.width < 24 || box.height < 24) problems.push(`less than 24 × 24 pixels: ${short(element)}`);
  }

  // Contrast of all texts outside of pictures, against the first ground that is not transparent.
  const channels = (color) => (color.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (color) => {
    const [r, g, b] = channels(color).map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const color = getComputedStyle(e).backgroundColor;
      if ((channels(color)[3] ?? 1) > 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.textContent.trim() || element.closest("svg, script, style, noscript, select")) continue;
    if (seen.has(element) || !visible(element) || element.disabled) continue;
    seen.add(element);
    const [a, b] = [luminance(getComputedStyle(element).color), luminance(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) problems.push(`contrast ${ratio.toFixed(2)} is below 4.5: ${short(element)}`);
  }
  return problems;
})()
