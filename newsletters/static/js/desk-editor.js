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

// The heading and the inbox line keep in step with what is typed, also with what was typed before this ran.
function follow(field, shown, empty) {
  const input = document.getElementById(field);
  const show = () => {
    shown.textContent = input.value || empty;
  };
  input.addEventListener("input", show);
  show();
}

const inboxSubject = document.querySelector("[data-inbox-subject]");
follow("subject", document.querySelector("h1"), page.dataset.untitled);
if (inboxSubject) { // an issue with a neutral subject shows neither
  follow("subject", inboxSubject, inboxSubject.dataset.empty || "");
  follow("preheader", document.querySelector("[data-inbox-preheader]"), "");
}
