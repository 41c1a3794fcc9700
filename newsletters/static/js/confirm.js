/* The browser that signed up confirms by itself: what the reader sees is one click, on the link in the mail.
   The form is only marked so where the server recognised that browser; anywhere else the button waits for a person.
   A page that is prerendered or opened in a hidden tab has no person in front of it yet. */

const form = document.querySelector("form[data-confirm-now]");

function submitOnceSeen() {
  if (document.prerendering) {
    document.addEventListener("prerenderingchange", submitOnceSeen, { once: true });
  } else if (document.visibilityState === "visible") {
    form.requestSubmit();
  } else {
    document.addEventListener("visibilitychange", submitOnceSeen, { once: true });
  }
}

if (form) submitOnceSeen();
