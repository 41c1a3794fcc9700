// Presses a form's preview buttons while somebody types, so that the frames beside it follow.
// Each time the frame is a new one: its first page replaces nothing, and "back" still leaves the form.
const PAUSE_MS = 400;

const show = (form) => {
  for (const button of form.querySelectorAll("button[data-preview]")) {
    const frame = form.querySelector(`iframe[name="${button.formTarget}"]`);
    frame.replaceWith(frame.cloneNode());
    form.requestSubmit(button);
  }
};

for (const form of document.querySelectorAll("form[data-live-preview]")) {
  let waiting;
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, PAUSE_MS, form);
  });
  show(form);
}
