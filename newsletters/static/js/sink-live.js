// Keeps the sink's list live: asks for the page again and, when it changed, puts the new list in place.
const EVERY_MILLISECONDS = 1500;
let tag = "";

function firstMessage(list) {
  const link = list.querySelector(".sink-list a");
  return link ? Number(link.id.replace("message-", "")) : 0;
}

function put(fresh, list) {
  const newest = firstMessage(list);
  const focused = list.contains(document.activeElement) ? document.activeElement.id : "";
  const arrived = [...fresh.querySelectorAll(".sink-list a")].filter(
    (link) => Number(link.id.replace("message-", "")) > newest,
  );
  list.replaceChildren(...fresh.childNodes);
  if (focused) document.getElementById(focused)?.focus();
  if (arrived.length > 0) {
    const subject = arrived[0].querySelector(".sink-subject").textContent;
    document.getElementById("news").textContent = arrived.length === 1 ? `New: ${subject}` : `${arrived.length} new messages`;
  }
}

async function look(list) {
  const answer = await fetch(location.href, { cache: "no-store", headers: tag ? { "If-None-Match": tag } : {} });
  if (answer.status !== 200) return;
  tag = answer.headers.get("ETag") ?? "";
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("messages");
  const isDeciding = list.querySelector("details[open]") !== null;
  if (fresh && !isDeciding && fresh.innerHTML !== list.innerHTML) put(fresh, list);
}

async function keepLooking(list) {
  if (!document.hidden) {
    try {
      await look(list);
    } catch {
      // The sink is away; it is asked again.
    }
  }
  setTimeout(keepLooking, EVERY_MILLISECONDS, list);
}

const list = document.querySelector("#messages[data-live]");
if (list) keepLooking(list);
