// Pictures dropped on the text, pasted into it or chosen: uploaded, described, and put where the cursor was.

export function startPictures(page, form, area, insert) {
  const dialog = document.getElementById("picture-dialog");
  const part = (name) => document.getElementById(`dialog-${name}`);
  const plainForm = document.getElementById("pictures");
  let place = [0, 0];
  let uploaded = null;
  plainForm.hidden = true; // the dialog does what the plain form below the checks does

  function ask(file = null) {
    place = [area.selectionStart, area.selectionEnd];
    uploaded = null;
    for (const name of ["alt", "caption", "file"]) part(name).value = "";
    part("picture").hidden = part("problem").hidden = true;
    part("choose").hidden = false;
    part("insert").disabled = true; // until the picture is with us: pressed too early it would put nothing
    dialog.showModal();
    if (file) take(file);
  }

  async function take(file) {
    part("problem").hidden = true;
    const data = new FormData();
    data.set("csrf_token", form.elements.csrf_token.value);
    data.set("picture", file);
    try {
      const answer = await fetch(page.dataset.pictures, {
        method: "POST",
        body: data,
        headers: { Accept: "application/json", "X-Requested-With": "fetch" },
        redirect: "error",
      });
      const said = await answer.json();
      if (!answer.ok) throw new Error(said.problem);
      show(said);
    } catch (error) {
      part("problem").textContent = error.message || document.getElementById("save-status").dataset.offline;
      part("problem").hidden = false;
    }
  }

  function show(said) {
    uploaded = said;
    part("picture").src = said.src;
    part("picture").hidden = false;
    part("choose").hidden = true;
    part("insert").disabled = false;
    part("alt").focus();
  }

  function put() {
    if (!uploaded) return;
    const alt = part("alt").value.replace(/[[\]\n]/g, " ").trim();
    const caption = part("caption").value.replace(/["\n]/g, "’").trim();
    const before = area.value.slice(0, place[0]);
    const gap = before === "" || before.endsWith("\n\n") ? "" : before.endsWith("\n") ? "\n" : "\n\n";
    area.setSelectionRange(...place);
    insert(area, `${gap}![${alt}](${uploaded.src}${caption ? ` "${caption}"` : ""})\n\n`);
  }

  function pictureIn(transfer) {
    return [...(transfer?.files ?? [])].find((file) => file.type.startsWith("image/"));
  }

  part("file").addEventListener("change", (event) => event.target.files[0] && take(event.target.files[0]));
  dialog.addEventListener("close", () => {
    if (dialog.returnValue === "insert") put();
    dialog.returnValue = "";
    area.focus();
  });
  area.addEventListener("paste", (event) => {
    const file = pictureIn(event.clipboardData);
    if (!file || event.clipboardData.types.includes("text/plain")) return;
    event.preventDefault();
    ask(file);
  });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    area.addEventListener(kind, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      area.parentElement.classList.toggle("dropping", kind === "dragover");
      event.preventDefault();
      const file = kind === "drop" && pictureIn(event.dataTransfer);
      if (file) ask(file);
    });
  }
  return { ask: () => ask() };
}
