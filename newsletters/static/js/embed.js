/* Sign-up forms of ours on somebody else's page answer in place.

   One script tag is enough: every form[data-newsletter-form] is taken over when it is submitted, by itself, without
   touching the others. The form works without this file, too: then the browser posts it and shows our own page.
   Nothing is styled and nothing is written as HTML, so that a strict Content-Security-Policy (Trusted Types included)
   lets it run. Every word shown comes from the server, in the newsletter's language. */

const FORM = "form[data-newsletter-form]";
const PATIENCE_MS = 15000;
const opened = Date.now();
let made = 0;

document.addEventListener("submit", (event) => {
  if (!event.target.matches(FORM) || event.defaultPrevented) return;
  event.preventDefault();
  subscribe(event.target, event.submitter);
});

async function subscribe(form, submitter) {
  const fields = new URLSearchParams(new FormData(form, submitter));
  fields.set("page", pageOf(form));
  fields.set("campaign", campaign() || fields.get("campaign") || "");
  fields.set("took", String(Math.round((Date.now() - opened) / 1000)));
  const answer = await ask(form, form.action, fields);
  if (!answer) return;
  clearErrors(form);
  if (answer.errors) return showErrors(form, answer);
  show(successPanel(form, fields, answer), form);
}

function show(panel, before) {
  before.replaceWith(panel);
  panel.focus();
}

/* The parameters of the page's address that name a campaign. Nothing is kept in the browser. */
function campaign() {
  return String(new URLSearchParams([...new URLSearchParams(location.search)].filter(([name]) => name.startsWith("utm_"))));
}

/* Where the form stands; in a frame of ours that is the page around it. */
function pageOf(form) {
  return form.dataset.newsletterPage ?? location.origin + location.pathname;
}

/* Say once that a form is before somebody's eyes; of whom, nothing is said. */
const eyes = new IntersectionObserver((seen) => {
  for (const { isIntersecting, target } of seen) {
    if (!isIntersecting) continue;
    eyes.unobserve(target);
    const said = new URLSearchParams(new FormData(target));
    const told = new URLSearchParams(said.getAll("newsletter").map((slug) => ["newsletter", slug]));
    for (const name of ["form", "saved"]) told.set(name, said.get(name) || "");
    told.set("page", pageOf(target));
    told.set("campaign", campaign() || said.get("campaign") || "");
    fetch(new URL("shown", target.action), { method: "POST", body: told, credentials: "omit", keepalive: true }).catch(() => {});
  }
});

/* Each form once, whether it stands on the page or comes onto it later. */
const met = new WeakSet();
function meet(root) {
  for (const form of [root, ...root.querySelectorAll(FORM)]) {
    if (met.has(form) || !form.matches?.(FORM)) continue;
    met.add(form);
    form.noValidate = true;
    eyes.observe(form);
    tellApart(form);
  }
}

/* Of one form that stands on a page twice, each label leads to its own field. */
function tellApart(form) {
  for (const label of form.querySelectorAll("label[for]")) {
    const own = [...form.elements].find((each) => each.id === label.htmlFor);
    if (own && document.querySelectorAll(`#${CSS.escape(own.id)}`).length > 1) label.htmlFor = own.id = `newsletter-field-${++made}`;
  }
}

meet(document);
new MutationObserver((changes) => {
  for (const { addedNodes } of changes) for (const node of addedNodes) if (node.nodeType === Node.ELEMENT_NODE) meet(node);
}).observe(document, { childList: true, subtree: true });

/* Whoever leaves the address field hears at once what is surely wrong with it, or of a likely slip. The words and the
   table of well-known domains are fetched when a reader enters the field; what is typed stays in the browser. */
const words = new Map();
let released = Promise.resolve();

document.addEventListener("focusin", ({ target }) => {
  if (isAddress(target)) wordsFor(target.form);
});

document.addEventListener("focusout", async ({ target }) => {
  if (!isAddress(target)) return;
  await released; // a line that appears under a pressed button would move it away from the pointer
  const { form } = target;
  const said = await wordsFor(form);
  if (!said || !target.isConnected || document.activeElement === target || form.ariaBusy === "true") return;
  clearError(target);
  const typed = target.value.trim();
  if (!typed) return;
  if (!/^[^\s@]+@[^\s@]+[.。．][^\s@]+$/.test(typed)) showError(target, { errors: { email: [said.wrong] }, language: said.language });
  else offerMeant(target, typed, said);
});

document.addEventListener("pointerdown", () => {
  released = new Promise((done) => {
    for (const name of ["pointerup", "pointercancel"]) addEventListener(name, () => setTimeout(done), { once: true });
  });
}, true);

function isAddress(target) {
  return target.name === "email" && target.form?.matches(FORM);
}

function wordsFor(form) {
  const about = new URLSearchParams([...new FormData(form)].filter(([name]) => name === "newsletter" || name === "language"));
  const address = new URL(`words?${about}`, form.action).href;
  if (!words.has(address)) {
    const fetched = fetch(address, { credentials: "omit" }).then((answer) => (answer.ok ? answer.json() : null));
    words.set(address, fetched.catch(() => null));
  }
  return words.get(address);
}

function offerMeant(input, typed, { language, meant, slips }) {
  const at = typed.lastIndexOf("@") + 1;
  const domain = likelyMeant(typed.slice(at).toLowerCase(), slips);
  if (!domain) return;
  const email = typed.slice(0, at) + domain;
  const hint = element("p", "newsletter-hint");
  hint.lang = language;
  hint.setAttribute("role", "status");
  const button = element("button", "newsletter-meant", meant.replace("{email}", email));
  button.type = "button";
  button.addEventListener("click", () => {
    input.value = email;
    clearError(input);
    input.focus();
  });
  hint.append(button);
  below(input).after(hint);
}

/* The well-known domain that `domain` is one slip away from; the same rule as the server's. */
export function likelyMeant(domain, { known, large, left, endings, longest }) {
  if (large.includes(domain) || left.includes(domain) || domain.length > longest) return "";
  const dot = domain.lastIndexOf(".") + 1;
  const end = domain.slice(dot);
  const mended = dot && Object.hasOwn(endings, end) ? domain.slice(0, dot) + endings[end] : domain;
  if (mended !== domain && large.includes(mended)) return mended;
  return known.find((each) => isOneSlip(mended, each)) ?? "";
}

/* One letter left out, added or replaced, or two swapped. */
function isOneSlip(typed, known) {
  if (typed === known || Math.abs(typed.length - known.length) > 1) return false;
  let start = 0;
  while (start < typed.length && start < known.length && typed[start] === known[start]) start++;
  const [a, b] = [typed.slice(start), known.slice(start)];
  const isSwapped = a.length > 1 && a[0] === b[1] && a[1] === b[0] && a.slice(2) === b.slice(2);
  return isSwapped || a.slice(1) === b.slice(1) || a.slice(1) === b || a === b.slice(1);
}

/* Post and read the answer. Whatever keeps the answer away leaves the posting to the browser. */
async function ask(shown, action, fields) {
  if (shown.getAttribute("aria-busy") === "true") return null;
  shown.setAttribute("aria-busy", "true");
  try {
    const answer = await post(action, fields);
    return answer.moment ? await proven(shown, action, fields, answer) : answer;
  } catch {
    leave(action, fields);
    return null;
  } finally {
    shown.removeAttribute("aria-busy");
  }
}

/* Let the browser post the same, and show our page, which stands in no frame. */
function leave(action, fields) {
  const form = element("form");
  Object.assign(form, { method: "post", action, hidden: true, target: self === top ? "" : "_blank" });
  form.append(...[...fields].map(([name, value]) => hidden(name, value)));
  document.body.append(form);
  form.submit();
}

async function post(action, fields) {
  const response = await fetch(action, {
    method: "POST",
    body: fields,
    headers: { Accept: "application/json" },
    credentials: "omit",
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  return response.json();
}

/* Very much is coming in: the same once more, with a proof that costs this browser a second or two. */
async function proven(form, action, fields, { moment, language }) {
  const said = element("p", "newsletter-moment", moment.text);
  said.lang = language;
  said.setAttribute("role", "status");
  form.append(said);
  try {
    const { solve } = await import(moment.script);
    fields.set("altcha", await solve(moment.challenge));
    const answer = await post(action, fields);
    if (answer.moment) throw new Error("a proof that was not enough");
    return answer;
  } finally {
    said.remove();
  }
}

/* Each error at its own field; at the address what no field of this form is to blame for. */
function showErrors(form, { errors, language }) {
  const wrong = new Map();
  for (const [name, words] of Object.entries(errors)) {
    const input = controlOf(form, name) ?? form.elements.namedItem("email");
    wrong.set(input, { ...wrong.get(input), [name]: words });
  }
  for (const [input, own] of wrong) showError(input, { errors: own, language });
  [...form.elements].find((each) => wrong.has(each)).focus();
}

/* What a reader sees of a field; of several boxes the first. */
function controlOf(form, name) {
  return [...form.elements].find((each) => each.name === name && each.type !== "hidden");
}

function clearErrors(form) {
  for (const input of form.querySelectorAll("[name=email], [aria-describedby*=newsletter-error-]")) clearError(input);
}

/* An answer that was changed is no longer the wrong one. */
document.addEventListener("change", async ({ target }) => {
  if (!target.form?.matches(FORM) || isAddress(target)) return;
  await released;
  clearError(controlOf(target.form, target.name) ?? target);
});

function showError(input, answer) {
  clearError(input);
  const error = element("p", "newsletter-error", wordsOf(answer));
  error.id = `newsletter-error-${++made}`;
  error.lang = answer.language;
  below(input).after(error);
  if (answer.errors[input.name]) input.setAttribute("aria-invalid", "true");
  input.setAttribute("aria-describedby", [input.dataset.newsletterHint, error.id].filter(Boolean).join(" "));
}

/* What stands right before anything that is said about a field. */
function below(input) {
  return input.closest("[data-newsletter-field]") || input;
}

/* What is wrong, in one line; under "form" stands what no field is to blame for. */
function wordsOf(answer) {
  return Object.values(answer.errors).flat().join(" ");
}

function clearError(input) {
  input.dataset.newsletterHint ??= input.getAttribute("aria-describedby") || "";
  for (const id of (input.getAttribute("aria-describedby") || "").split(" ")) {
    if (id.startsWith("newsletter-error-")) document.getElementById(id)?.remove();
  }
  if (below(input).nextElementSibling?.matches(".newsletter-hint")) below(input).nextElementSibling.remove();
  input.removeAttribute("aria-invalid");
  if (input.dataset.newsletterHint) input.setAttribute("aria-describedby", input.dataset.newsletterHint);
  else input.removeAttribute("aria-describedby");
}

function successPanel(form, fields, answer) {
  const panel = element("div", "newsletter-done");
  panel.lang = answer.language;
  panel.tabIndex = -1;
  panel.setAttribute("role", "group");
  panel.setAttribute("aria-label", answer.title);
  panel.append(
    element("p", "newsletter-done-title", answer.title),
    element("p", "newsletter-done-text", answer.text),
    element("p", "newsletter-done-address", answer.sent_to),
  );
  if (answer.meant) panel.append(mend(panel, form, fields, answer.meant));
  if (answer.mailbox) panel.append(wayToMailbox(answer.mailbox));
  panel.append(codeForm(panel, answer), actions(panel, form, answer));
  if (answer.others.newsletters.length) panel.append(others(panel, form, fields, answer));
  return panel;
}

/* The same sign-up with the address that was meant, in one press. */
function mend(panel, form, fields, { email, button }) {
  const offer = element("p", "newsletter-hint");
  const press = element("button", "newsletter-meant", button);
  press.type = "button";
  press.addEventListener("click", async () => {
    const again = new URLSearchParams(fields);
    again.set("email", email);
    again.delete("altcha");
    const answer = await ask(panel, form.action, again);
    if (!answer) return;
    form.elements.namedItem("email").value = email;
    if (!answer.errors) return show(successPanel(form, again, answer), panel);
    show(form, panel);
    showErrors(form, answer);
  });
  offer.append(press);
  return offer;
}

function wayToMailbox({ url, text }) {
  const way = element("p", "newsletter-mailbox");
  const link = element("a", "", text);
  Object.assign(link, { href: url, target: "_blank", rel: "noopener noreferrer" });
  way.append(link);
  return way;
}

/* Newsletters to add for the same address; the mail that is on its way confirms them, too. */
function others(panel, form, fields, answer) {
  const { title, button, added, newsletters } = answer.others;
  const box = element("div", "newsletter-others");
  const said = element("p", "newsletter-said");
  said.setAttribute("role", "status");
  const list = element("ul");
  for (const { slug, name, language, consent_text, wording_id, note } of newsletters) {
    const line = element("li");
    const about = element("span", "newsletter-other", consent_text || name);
    about.lang = language;
    const add = element("button", "newsletter-add", button.replace("{name}", name));
    add.type = "button";
    add.addEventListener("click", async () => {
      const more = new URLSearchParams(fields);
      for (const gone of ["altcha", "wording", "also"]) more.delete(gone);
      for (const asked of answer.newsletters) more.append("also", asked);
      if (wording_id) more.set("wording", wording_id);
      more.set("newsletter", slug);
      more.set("request", answer.request);
      const next = await ask(panel, form.action, more);
      if (!next) return;
      said.textContent = next.errors ? wordsOf(next) : added.replace("{name}", name);
      if (next.errors) return;
      Object.assign(answer, { request: next.request, newsletters: next.newsletters });
      panel.querySelector(".newsletter-done-address").textContent = next.sent_to;
      for (const each of panel.querySelectorAll("form")) carry(each, answer);
      panel.focus();
      line.remove();
    });
    line.append(add, " ", about);
    if (note) line.append(" ", element("span", "newsletter-note", note));
    list.append(line);
  }
  box.append(element("p", "newsletter-others-title", title), list, said);
  return box;
}

function codeForm(panel, answer) {
  const form = element("form", "newsletter-code");
  form.method = "post";
  form.action = answer.code.action;
  form.noValidate = true;
  const input = element("input");
  Object.assign(input, { id: `newsletter-code-${++made}`, name: "code", inputMode: "numeric", maxLength: 12, required: true });
  input.autocomplete = "one-time-code";
  const label = element("label", "", answer.code.label);
  label.htmlFor = input.id;
  form.append(label, " ", input, " ", element("button", "", answer.code.button));
  carry(form, answer);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    confirmCode(panel, form, input);
  });
  return form;
}

async function confirmCode(panel, form, input) {
  const answer = await ask(form, form.action, new URLSearchParams(new FormData(form)));
  if (!answer) return;
  if (answer.errors) {
    showError(input, answer);
    input.focus();
    return;
  }
  panel.replaceChildren(
    element("p", "newsletter-done-title", answer.title),
    element("p", "newsletter-done-text", answer.text),
  );
  panel.setAttribute("aria-label", answer.title);
  panel.focus();
}

function actions(panel, form, answer) {
  const resend = element("form", "newsletter-actions");
  resend.method = "post";
  resend.action = answer.again.action;
  const said = element("p", "newsletter-said");
  said.setAttribute("role", "status");
  const change = element("button", "newsletter-again", answer.change.button);
  change.type = "button";
  change.addEventListener("click", () => {
    panel.replaceWith(form);
    form.elements.namedItem("email").focus();
  });
  const button = element("button", "", answer.again.button);
  const count = element("span", "newsletter-count");
  count.setAttribute("aria-hidden", "true");
  resend.append(button, " ", count, " ", change, said);
  carry(resend, answer);
  patience(answer.again, { button, count, said });
  resend.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.hasAttribute("aria-disabled")) {
      said.textContent = answer.again.early;
      return;
    }
    const again = await ask(resend, resend.action, new URLSearchParams(new FormData(resend)));
    if (!again) return;
    said.textContent = again.errors ? wordsOf(again) : again.text;
    patience(answer.again, { button, count, said });
  });
  return resend;
}

/* The mail gets its minute before it may be asked for again. The eyes see the seconds; a screen reader hears the end. */
function patience({ wait_seconds, waiting, ready }, { button, count, said }) {
  const until = Date.now() + wait_seconds * 1000;
  const tick = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    count.textContent = left > 0 ? waiting.replace("{seconds}", left) : "";
    if (left > 0) return;
    clearInterval(timer);
    button.removeAttribute("aria-disabled");
    if (button.isConnected) said.textContent = ready;
  };
  button.setAttribute("aria-disabled", "true");
  const timer = setInterval(tick, 1000);
  tick();
}

function element(name, className = "", words = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (words) made.textContent = words;
  return made;
}

/* What the server needs to know again, since there is no cookie. */
function carry(form, { request, email, language, newsletters }) {
  for (const old of form.querySelectorAll("input[type=hidden]")) old.remove();
  form.prepend(hidden("request", request), hidden("email", email), hidden("language", language), ...newsletters.map((slug) => hidden("newsletter", slug)));
}

function hidden(name, value) {
  const input = element("input");
  Object.assign(input, { type: "hidden", name, value });
  return input;
}
