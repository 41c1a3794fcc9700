// Shows what a worker finds as soon as it is there, and copies records.

const EVERY_MS = 1500;
const part = document.getElementById("sending-domain");

function offerCopies() {
  if (!navigator.clipboard) return;
  for (const button of part.querySelectorAll("[data-copy]")) button.hidden = false;
}

async function refresh() {
  try {
    const answer = await fetch(part.dataset.source, {
      headers: { Accept: "application/json", "X-Requested-With": "fetch" },
      redirect: "error",
    });
    if (answer.status === 401) return location.reload();
    const said = await answer.json();
    if (!said.waiting) {
      part.innerHTML = said.html;
      return offerCopies();
    }
  } catch {
    // The next round may reach the server again.
  }
  setTimeout(refresh, EVERY_MS);
}

part.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
  button.textContent = button.dataset.copied;
});
offerCopies();
if ("waiting" in part.dataset) setTimeout(refresh, EVERY_MS);
