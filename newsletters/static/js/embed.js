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

for (const form of document.querySelectorAll(FORM)) form.noValidate = true;

async function subscribe(form, submitter) {
  const fields = new URLSearchParams(new FormData(form, submitter));
  fields.set("page", location.origin + location.pathname);
  fields.set("campaign", campaign());
  fields.set("took", String(Math.round((Date.now() - opened) / 1000)));
  const answer = await ask(form, form.action, fields);
  if (!answer) return;
  answer.newsletters = fields.getAll("newsletter");
  const email = form.elements.namedItem("email");
  if (answer.errors) {
    showError(email, answer);
    return;
  }
  clearError(email);
  const panel = successPanel(form, answer);
  form.replaceWith(panel);
  panel.focus();
}

/* The parameters of the page's address that name a campaign. Nothing is kept in the browser. */
function campaign() {
  return String(new URLSearchParams([...new URLSearchParams(location.search)].filter(([name]) => name.startsWith("utm_"))));
}

/* Say once that a form is before somebody's eyes; of whom, nothing is said. */
const eyes = new IntersectionObserver((seen) => {
  for (const { isIntersecting, target } of seen) {
    if (!isIntersecting) continue;
    eyes.unobserve(target);
    const said = new URLSearchParams(new FormData(target));
    const told = new URLSearchParams(said.getAll("newsletter").map((slug) => ["newsletter", slug]));
    told.set("form", said.get("form") || "");
    told.set("page", location.origin + location.pathname);
    told.set("campaign", campaign());
    fetch(new URL("shown", target.action), { method: "POST", body: told, credentials: "omit", keepalive: true }).catch(() => {});
  }
});
for (const form of document.querySelectorAll(FORM)) eyes.observe(form);

/* Post and read the answer. Whatever keeps the answer away leaves the posting to the browser. */
async function ask(form, action, fields) {
  if (form.getAttribute("aria-busy") === "true") return null;
  form.setAttribute("aria-busy", "true");
  try {
    const answer = await post(action, fields);
    return answer.moment ? await proven(form, action, fields, answer) : answer;
  } catch {
    HTMLFormElement.prototype.submit.call(form);
    return null;
  } finally {
    form.removeAttribute("aria-busy");
  }
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

function showError(input, answer) {
  clearError(input);
  const error = element("p", "newsletter-error", wordsOf(answer));
  error.id = `newsletter-error-${++made}`;
  error.lang = answer.language;
  (input.closest("[data-newsletter-field]") || input).after(error);
  if (!answer.errors.form) input.setAttribute("aria-invalid", "true");
  input.setAttribute("aria-describedby", [input.dataset.newsletterHint, error.id].filter(Boolean).join(" "));
  input.focus();
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
  input.removeAttribute("aria-invalid");
  if (input.dataset.newsletterHint) input.setAttribute("aria-describedby", input.dataset.newsletterHint);
  else input.removeAttribute("aria-describedby");
}

function successPanel(form, answer) {
  const panel = element("div", "newsletter-done");
  panel.lang = answer.language;
  panel.tabIndex = -1;
  panel.setAttribute("role", "group");
  panel.setAttribute("aria-label", answer.title);
  panel.append(
    element("p", "newsletter-done-title", answer.title),
    element("p", "newsletter-done-text", answer.text),
    element("p", "newsletter-done-address", answer.sent_to),
    codeForm(panel, answer),
    actions(panel, form, answer),
  );
  return panel;
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
  form.append(...carried(answer), label, input);
  form.append(element("button", "", answer.code.button));
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
  resend.append(...carried(answer), element("button", "", answer.again.button), change, said);
  resend.addEventListener("submit", async (event) => {
    event.preventDefault();
    const again = await ask(resend, resend.action, new URLSearchParams(new FormData(resend)));
    if (again) said.textContent = again.errors ? wordsOf(again) : again.text;
  });
  return resend;
}

function element(name, className = "", words = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (words) made.textContent = words;
  return made;
}

/* What the server needs to know again, since there is no cookie. */
function carried(answer) {
  const newsletters = answer.newsletters.map((slug) => hidden("newsletter", slug));
  return [hidden("request", answer.request), hidden("email", answer.email), ...newsletters];
}

function hidden(name, value) {
  const input = element("input");
  Object.assign(input, { type: "hidden", name, value });
  return input;
}
