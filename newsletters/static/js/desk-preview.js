// The live preview: the message itself in a frame that runs nothing, reloaded when a save has gone through.

export function startPreview(page, area) {
  const frame = document.getElementById("preview-frame");
  const views = [...document.querySelectorAll("[data-view]")];
  let view = "desktop";
  let version = document.querySelector("[name=version]").value;
  frame.closest("section").hidden = false;

  function line() {
    return area.value.slice(0, area.selectionStart).split("\n").length;
  }

  function show() {
    const address = new URL(view === "text" ? frame.dataset.text : frame.dataset.mail, location.href);
    address.searchParams.set("v", version);
    if (view === "dark") address.searchParams.set("theme", "dark");
    if (view !== "text" && line() > 1) {
      address.searchParams.set("line", line());
      address.hash = "here"; // the frame opens where the cursor is
    }
    frame.classList.toggle("preview-phone", view === "phone");
    if (!frame.src) frame.src = address.href;
    else frame.contentWindow.location.replace(address.href); // the way back leads out of the page, not through previews
  }

  for (const button of views) {
    button.addEventListener("click", () => {
      view = button.dataset.view;
      for (const other of views) other.setAttribute("aria-pressed", String(other === button));
      show();
    });
  }
  show();
  return {
    refresh(saved) {
      version = saved;
      show();
    },
  };
}
