/* The browser that signed up confirms by itself: what the reader sees is one click, on the link in the mail.
   The form is only marked so where the server recognised that browser; anywhere else the button waits for a person,
   and all that is done is to count that somebody has the page before them.
   A page that is prerendered or opened in a hidden tab has no person in front of it yet. */

const form = document.querySelector("form[data-opened]");

function onceSeen() {
  if (document.prerendering) {
    document.addEventListener("prerenderingchange", onceSeen, { once: true });
  } else if (document.visibilityState !== "visible") {
    document.addEventListener("visibilitychange", onceSeen, { once: true });
  } else if ("confirmNow" in form.dataset) {
    form.requestSubmit();
  } else {
    navigator.sendBeacon(form.dataset.opened);
  }
}

if (form) onceSeen();
