/* The short piece of work that keeps robots out when very many forms come in: an ALTCHA challenge, version 2.

   A counter is sought whose PBKDF2 key begins with the wanted bytes. The browser's own cryptography does the work, off
   the page's thread. Our page of one moment starts by itself and sends its form when it is done; embed.js imports
   `solve`. Where this cannot run (an old browser, a page that is not secure) the form's button works after a wait. */

const AT_ONCE = 8;

/* The answer to post as "altcha". Rejects where the browser has no cryptography to offer. */
export async function solve(challenge) {
  const wanted = challenge.parameters;
  if (wanted.algorithm !== "PBKDF2/SHA-256") throw new Error(`no way to solve ${wanted.algorithm}`);
  for (let counter = 0; ; counter += AT_ONCE) {
    const counters = Array.from({ length: AT_ONCE }, (_, place) => counter + place);
    const keys = await Promise.all(counters.map((number) => derive(wanted, number)));
    const found = keys.findIndex((key) => key.startsWith(wanted.keyPrefix));
    if (found >= 0) {
      const solution = { counter: counters[found], derivedKey: keys[found] };
      return btoa(JSON.stringify({ challenge, solution }));
    }
  }
}

async function derive(wanted, counter) {
  const nonce = bytes(wanted.nonce);
  const password = new Uint8Array(nonce.length + 4);
  password.set(nonce);
  new DataView(password.buffer).setUint32(nonce.length, counter);
  const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
  const how = { name: "PBKDF2", hash: "SHA-256", salt: bytes(wanted.salt), iterations: wanted.cost };
  return hex(await crypto.subtle.deriveBits(how, key, wanted.keyLength * 8));
}

function bytes(digits) {
  return Uint8Array.from(digits.match(/../g), (pair) => parseInt(pair, 16));
}

function hex(buffer) {
  return Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function goOn(form) {
  const show = (isAtWork) => {
    for (const part of form.querySelectorAll(".moment-work")) part.hidden = !isAtWork;
    form.querySelector(".moment-wait").hidden = isAtWork;
  };
  show(true);
  try {
    const answer = form.elements.namedItem("altcha");
    answer.value = await solve(JSON.parse(form.dataset.challenge));
    answer.disabled = false;
    form.requestSubmit();
  } catch {
    show(false);
  }
}

for (const form of document.querySelectorAll("form[data-challenge]")) goOn(form);
