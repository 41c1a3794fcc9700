// Presses a form's preview buttons while somebody types, so that the frames beside it follow.
// Each time the frame is a new one: its first page replaces nothing, and "back" still leaves the form.
const PAUSE_MS = 400;

const loaded = (frame) => new Promise((done) => frame.addEventListener("load", done, { once: true }));

const showOne = (form, button) => {
  const old = form.querySelector(`iframe[name="${button.formTarget}"]`);
  const fresh = old.cloneNode();
  old.replaceWith(fresh);
  const shown = loaded(fresh);
  form.requestSubmit(button);
  return shown;
};

// One after the other: a form can be on its way to one frame only.
const show = async (form) => {
  for (const button of form.querySelectorAll("button[data-preview]")) await showOne(form, button);
};

for (const form of document.querySelectorAll("form[data-live-preview]")) {
  let waiting;
  let showing = show(form);
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      showing = showing.then(() => show(form));
    }, PAUSE_MS);
  });
}
