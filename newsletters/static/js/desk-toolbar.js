// Markdown by button and by key. Text is inserted the way typing does it, so that the browser's undo knows it.

export function insertText(area, text) {
  area.focus();
  if (!document.execCommand("insertText", false, text)) {
    area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

function selected(area) {
  return area.value.slice(area.selectionStart, area.selectionEnd);
}

// Put marks around the selection, or take them off where they stand already; the words stay selected.
function wrap(area, mark) {
  const { selectionStart: start, selectionEnd: end, value } = area;
  const words = selected(area);
  if (value.slice(start - mark.length, start) === mark && value.slice(end, end + mark.length) === mark) {
    area.setSelectionRange(start - mark.length, end + mark.length);
    insertText(area, words);
    area.setSelectionRange(start - mark.length, end - mark.length);
    return;
  }
  insertText(area, `${mark}${words}${mark}`);
  area.setSelectionRange(start + mark.length, end + mark.length);
}

// Begin every selected line with a mark, or take it off where all have it.
function prefix(area, mark) {
  const start = area.value.lastIndexOf("\n", area.selectionStart - 1) + 1;
  const next = area.value.indexOf("\n", area.selectionEnd);
  const end = next === -1 ? area.value.length : next;
  const lines = area.value.slice(start, end).split("\n");
  const marked = lines.every((line) => line.startsWith(mark));
  area.setSelectionRange(start, end);
  insertText(area, lines.map((line) => (marked ? line.slice(mark.length) : mark + line)).join("\n"));
}

function link(area) {
  const words = selected(area);
  const start = area.selectionStart;
  if (/^https?:\/\/\S+$/.test(words)) {
    insertText(area, `[](${words})`);
    area.setSelectionRange(start + 1, start + 1);
    return;
  }
  insertText(area, `[${words}](https://)`);
  const address = start + words.length + 3;
  area.setSelectionRange(address, address + "https://".length);
}

export function startToolbar(area, { askPicture }) {
  const toolbar = document.querySelector(".toolbar");
  const acts = {
    bold: () => wrap(area, "**"),
    italic: () => wrap(area, "*"),
    link: () => link(area),
    heading: () => prefix(area, "## "),
    list: () => prefix(area, "- "),
    quote: () => prefix(area, "> "),
    picture: askPicture,
  };
  toolbar.hidden = false;
  toolbar.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.tool) acts[button.dataset.tool]();
    else insertText(area, placeholder(button.dataset.placeholder, button.dataset.default));
  });
  area.addEventListener("keydown", (event) => {
    const tool = { b: "bold", i: "italic", k: "link" }[event.key.toLowerCase()];
    if (!tool || event.altKey || event.shiftKey || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    acts[tool]();
  });
  walkByArrows(toolbar);
}

function placeholder(name, fallback) {
  return fallback ? `{{ ${name}|"${fallback}" }}` : `{{ ${name} }}`;
}

// One tab stop for the whole toolbar, arrows within it (ARIA toolbar pattern).
function walkByArrows(toolbar) {
  const buttons = [...toolbar.querySelectorAll("button")];
  buttons.forEach((button, place) => {
    button.tabIndex = place ? -1 : 0;
  });
  toolbar.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const from = buttons.indexOf(document.activeElement);
    const to = buttons[(from + step + buttons.length) % buttons.length];
    buttons[from].tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
    event.preventDefault();
  });
}
