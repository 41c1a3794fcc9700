// An issue on its way: counts the undo window down and keeps the numbers fresh; reloads when the state changes.

const EVERY_MS = 2000;
const page = document.getElementById("sending");
const progress = document.getElementById("progress");
const countdown = document.querySelector("[data-countdown] [data-seconds]");

async function refresh() {
  try {
    const answer = await fetch(page.dataset.progress, {
      headers: { Accept: "application/json", "X-Requested-With": "fetch" },
      redirect: "error",
    });
    if (answer.status === 401) return location.reload();
    const said = await answer.json();
    if (said.state !== page.dataset.state) return location.reload();
    progress.innerHTML = said.html;
  } catch {
    // The next round may reach the server again.
  }
  setTimeout(refresh, EVERY_MS);
}

if (countdown) {
  const endsAt = performance.now() + Number(countdown.textContent) * 1000;
  const tick = setInterval(() => {
    const left = Math.max(0, Math.ceil((endsAt - performance.now()) / 1000));
    countdown.textContent = String(left);
    if (left > 0) return;
    clearInterval(tick);
    countdown.closest("section").querySelector("form").hidden = true;
  }, 250);
}
if (["scheduled", "sending", "paused"].includes(page.dataset.state)) setTimeout(refresh, EVERY_MS);
