// Saves while somebody writes, and never loses what was typed: a copy stays in this browser until the server has it.

const PAUSE_MS = 800;
const RETRY_MS = 5000;
const FIELDS = ["subject", "preheader", "body"];

export function startAutosave(page, form, { onSaved }) {
  const status = document.getElementById("save-status");
  const key = `issue-${page.dataset.issue}`;
  const trouble = startTrouble();
  let saved = read();
  let timer = 0;
  let running = false;
  let halted = false;
  let leaving = false;

  function read() {
    return Object.fromEntries(FIELDS.map((name) => [name, form.elements[name].value]));
  }

  function isDirty() {
    const typed = read();
    return FIELDS.some((name) => typed[name] !== saved[name]);
  }

  function keepCopy() {
    try {
      localStorage.setItem(key, JSON.stringify({ ...read(), version: form.elements.version.value }));
    } catch {
      // A browser that keeps nothing can still save to the server.
    }
  }

  function dropCopy() {
    try {
      localStorage.removeItem(key);
    } catch {
      // Nothing was kept.
    }
  }

  function say(words) {
    if (status.textContent !== words) status.textContent = words;
  }

  function later(delay) {
    clearTimeout(timer);
    timer = setTimeout(save, delay);
  }

  async function save() {
    if (running || halted || !isDirty()) return;
    running = true;
    const sent = read();
    let next = RETRY_MS;
    say(status.dataset.saving);
    try {
      next = await settle(await post(sent), sent);
    } catch {
      say(status.dataset.offline);
    }
    running = false;
    if (!halted && !leaving && isDirty()) later(next);
  }

  function post(sent) {
    const data = new FormData(form);
    for (const name of FIELDS) data.set(name, sent[name]);
    return fetch(page.dataset.save, {
      method: "POST",
      body: data,
      headers: { Accept: "application/json", "X-Requested-With": "fetch" },
      redirect: "error",
    });
  }

  // Deals with the server's answer, and says when to try again if there is more to save.
  async function settle(answer, sent) {
    const renewed = answer.status === 400 ? await renewToken() : "";
    if (renewed === "renewed") return 0;
    if (answer.status === 401 || renewed === "signed out") {
      say(status.dataset.signedOut);
      return RETRY_MS;
    }
    const said = await answer.json().catch(() => ({}));
    if (answer.ok) {
      saved = sent;
      form.elements.version.value = said.version;
      say(said.status);
      trouble.clear();
      if (!isDirty()) dropCopy();
      onSaved(said);
      return PAUSE_MS;
    }
    if (answer.status >= 500 || answer.status === 400) {
      say(status.dataset.offline);
      return RETRY_MS;
    }
    halted = true; // somebody else was first, or it is no draft any more: a person decides
    say("");
    trouble.show(said, () => {
      form.elements.version.value = said.version;
      halted = false;
      save();
    });
    return 0;
  }

  function offerCopy() {
    let copy = null;
    try {
      copy = JSON.parse(localStorage.getItem(key));
    } catch {
      return;
    }
    if (!copy || FIELDS.every((name) => plain(copy[name]) === plain(saved[name]))) {
      dropCopy();
      return;
    }
    trouble.offerCopy(page.dataset.copyWords, {
      use() {
        for (const name of FIELDS) {
          form.elements[name].value = copy[name] ?? "";
          form.elements[name].dispatchEvent(new Event("input", { bubbles: true }));
        }
      },
      drop: dropCopy,
    });
  }

  form.addEventListener("input", () => {
    keepCopy();
    if (!halted) {
      say(status.dataset.waiting);
      later(PAUSE_MS);
    }
  });
  form.addEventListener("submit", () => {
    leaving = true;
    halted = true; // the form itself carries the text now
    clearTimeout(timer);
  });
  document.querySelector("[data-discard-copy]")?.addEventListener("click", () => {
    leaving = true;
    dropCopy();
  });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
      event.preventDefault();
      save();
    }
  });
  addEventListener("online", save);
  addEventListener("beforeunload", (event) => {
    if (!leaving && isDirty()) event.preventDefault();
  });
  offerCopy();
}

// The server tidies what it saves: a copy that differs by blanks alone holds nothing new.
function plain(text) {
  return (text ?? "").replace(/\s+/g, " ").trim();
}

// Whoever signed out and in again in another tab holds a new token for forms; this page learns it too.
async function renewToken() {
  const tokens = [...document.querySelectorAll("[name=csrf_token]")];
  const answer = await fetch(location.href, { headers: { "X-Requested-With": "fetch" }, redirect: "error" });
  if (answer.status === 401) return "signed out";
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("[name=csrf_token]")?.value;
  const isNew = Boolean(fresh) && tokens[0].value !== fresh;
  for (const token of isNew ? tokens : []) token.value = fresh;
  return isNew ? "renewed" : "";
}

// The notice above the text: a conflict, or a copy that was found.
function startTrouble() {
  const notice = document.getElementById("trouble");
  const words = document.getElementById("trouble-words");
  const conflict = document.getElementById("trouble-conflict");
  const copy = document.getElementById("trouble-copy");

  function clear() {
    notice.hidden = conflict.hidden = copy.hidden = true;
  }

  function show(said, overwrite) {
    words.textContent = said.problem ?? "";
    conflict.hidden = !said.compare;
    copy.hidden = true;
    if (said.compare) document.getElementById("trouble-compare").href = said.compare;
    document.getElementById("trouble-overwrite").onclick = () => {
      clear();
      overwrite();
    };
    notice.hidden = false;
  }

  function offerCopy(text, { use, drop }) {
    words.textContent = text;
    conflict.hidden = true;
    copy.hidden = notice.hidden = false;
    document.getElementById("copy-use").onclick = () => {
      clear();
      use();
    };
    document.getElementById("copy-drop").onclick = () => {
      clear();
      drop();
    };
  }

  return { clear, show, offerCopy };
}
