// After a sign-up: the mail can be asked for once more when it has had its minute. Without this file the button simply works.

for (const form of document.querySelectorAll("form[data-resend-after]")) wait(form);

function wait(form) {
  const { resendAfter, waiting, early, ready } = form.dataset;
  const button = form.querySelector("button");
  const said = form.querySelector("[role=status]");
  const seen = document.createElement("span"); // counts before the eyes only: a screen reader is not told every second
  seen.className = "resend-count";
  seen.ariaHidden = "true";
  button.after(seen);
  button.setAttribute("aria-disabled", "true");
  const until = Date.now() + resendAfter * 1000;
  const words = () => waiting.replace("{seconds}", String(Math.max(1, Math.ceil((until - Date.now()) / 1000))));

  const hold = (event) => {
    event.preventDefault();
    said.textContent = early;
  };
  const tick = () => {
    if (Date.now() < until) {
      seen.textContent = words();
      return;
    }
    clearInterval(timer);
    form.removeEventListener("submit", hold);
    button.removeAttribute("aria-disabled");
    seen.remove();
    said.textContent = ready;
  };
  form.addEventListener("submit", hold);
  const timer = setInterval(tick, 1000);
  tick();
}
