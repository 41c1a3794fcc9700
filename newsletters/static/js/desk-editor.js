// The editor's page: puts autosave, toolbar, pictures, preview and checks together.
import { startAutosave } from "./desk-autosave.js";
import { startChecks } from "./desk-checks.js";
import { startPictures } from "./desk-pictures.js";
import { startPreview } from "./desk-preview.js";
import { insertText, startToolbar } from "./desk-toolbar.js";

const page = document.getElementById("editor");
const form = document.getElementById("issue-form");
const body = document.getElementById("body");

const preview = startPreview(page, body);
const checks = startChecks(page, form, body);
const pictures = startPictures(page, form, body, insertText);
startToolbar(body, { askPicture: pictures.ask });
startAutosave(page, form, {
  onSaved(answer) {
    preview.refresh(answer.version);
    checks.show(answer.checks);
  },
});

const heading = document.querySelector("h1");
const untitled = page.dataset.untitled;
document.getElementById("subject").addEventListener("input", (event) => {
  heading.textContent = event.target.value || untitled;
});

// The inbox line keeps in step with what is typed.
for (const [field, target] of [["subject", "[data-inbox-subject]"], ["preheader", "[data-inbox-preheader]"]]) {
  const shown = document.querySelector(target);
  document.getElementById(field).addEventListener("input", (event) => {
    shown.textContent = event.target.value || shown.dataset.empty || "";
  });
}
