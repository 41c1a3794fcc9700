// Recovery codes: copied and printed, where the browser can.

const copy = document.querySelector("[data-copy]");
const print = document.querySelector("[data-print]");

copy.hidden = !navigator.clipboard;
copy.addEventListener("click", async () => {
  const codes = document.getElementById(copy.dataset.copy).children;
  await navigator.clipboard.writeText(Array.from(codes, (code) => code.textContent).join("\n"));
  copy.textContent = copy.dataset.copied;
});
print.hidden = false;
print.addEventListener("click", () => window.print());
