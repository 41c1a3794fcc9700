// The code and its previews follow the choices; copies the code.

const PAUSE_MS = 400;
const form = document.getElementById("embedding");
const code = document.getElementById("embedding-code");
let waiting;
let newest = 0;

function offerCopies() {
  if (!navigator.clipboard) return;
  for (const button of code.querySelectorAll("[data-copy]")) button.hidden = false;
}

async function refresh() {
  const mine = ++newest;
  const address = `${location.pathname}?${new URLSearchParams(new FormData(form))}`;
  const answer = await fetch(address, { headers: { "X-Requested-With": "fetch" }, redirect: "error" });
  if (answer.status === 401) return location.reload();
  const html = await answer.text();
  if (!answer.ok || mine !== newest) return;
  history.replaceState(null, "", address);
  code.innerHTML = html;
  offerCopies();
}

form?.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(refresh, PAUSE_MS);
});
code.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
  for (const each of code.querySelectorAll("[data-copy]")) each.textContent = each === button ? each.dataset.copied : each.dataset.label;
});
offerCopies();
