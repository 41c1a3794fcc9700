// The checks panel: shows what the last save found, and jumps to the place.

export function startChecks(page, form, area) {
  const panel = document.getElementById("checks");
  const linksForm = document.getElementById("links-form");
  const linksStatus = document.getElementById("links-status");

  function jump(field, line) {
    const target = document.getElementById(field);
    target.focus();
    if (!line) return;
    const lines = area.value.split("\n");
    const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
    const end = start + (lines[line - 1] ?? "").length;
    // Browsers scroll to where the text before the cursor ends, if it is given the focus anew.
    area.setSelectionRange(start, start);
    area.blur();
    area.focus();
    area.setSelectionRange(start, end);
    const ratio = (line - 1) / Math.max(1, lines.length);
    area.scrollTop = Math.max(0, ratio * area.scrollHeight - area.clientHeight / 3);
    area.scrollIntoView({ block: "nearest" });
  }

  function show(html) {
    if (typeof html === "string" && panel.innerHTML !== html) panel.innerHTML = html;
  }

  panel.addEventListener("click", (event) => {
    const place = event.target.closest("[data-jump-field]");
    if (!place) return;
    event.preventDefault();
    jump(place.dataset.jumpField, Number(place.dataset.jumpLine ?? 0));
  });
  linksForm.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = linksForm.querySelector("button");
    button.disabled = true;
    linksStatus.textContent = "…";
    try {
      const answer = await fetch(page.dataset.links, {
        method: "POST",
        body: new FormData(linksForm),
        headers: { Accept: "application/json", "X-Requested-With": "fetch" },
        redirect: "error",
      });
      const said = await answer.json();
      show(said.checks);
      linksStatus.textContent = said.status ?? "";
    } catch {
      linksStatus.textContent = document.getElementById("save-status").dataset.offline;
    } finally {
      button.disabled = false;
    }
  });
  const wanted = new URLSearchParams(location.search).get("line");
  if (wanted) jump("body", Number(wanted));
  return { show };
}
