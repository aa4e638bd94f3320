// Small helps for every page; all of them work without this.
"use strict";
(() => {
  const KEPT = "cwportal-messages";
  const RELOADED = performance.getEntriesByType("navigation")[0]?.type === "reload";
  const messages = document.querySelector(".cw-flashes");

  // Messages outlive a reload that the page does by itself; nobody can have read them in that time. If the reload led elsewhere, to the
  // page for signing in, they are for nobody: the next person at this browser must not read them.
  const reload = (more) => {
    try {
      sessionStorage.setItem(KEPT, JSON.stringify([location.href, (messages ? messages.innerHTML : "") + more]));
    } catch {
      // Storage is switched off: the page reloads without them.
    }
    location.reload();
  };
  try {
    const left = sessionStorage.getItem(KEPT) || "[]";
    sessionStorage.removeItem(KEPT);
    const [address, kept] = JSON.parse(left);
    if (messages && RELOADED && address === location.href) {
      messages.insertAdjacentHTML("afterbegin", kept);
    }
  } catch {
    // As above.
  }
  if (messages) {
    for (const button of messages.querySelectorAll("[data-cw-dismiss]")) {
      button.hidden = false;
      button.addEventListener("click", () => {
        button.closest(".flash").remove();
        document.getElementById("main")?.focus();
      });
    }
    const first = messages.querySelector(".flash");
    if (first && !location.hash) {
      first.focus();
    }
  }

  // Numbers of an export under way, every two seconds; without this the page has its link "Update".
  const live = document.querySelector("[data-cw-poll]");
  if (live) {
    const said = document.querySelector("[data-cw-said]");
    let spoken = 0;
    const look = async () => {
      try {
        const answer = await fetch(live.dataset.cwPoll, { headers: { "X-Requested-With": "fetch" }, redirect: "error" });
        const text = await answer.text();
        if (answer.headers.has("X-Export-Ended")) {
          reload(text);
          return;
        }
        if (answer.ok) {
          const inside = live.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
          live.innerHTML = text;
          if (inside) {
            live.querySelector(`[href="${CSS.escape(inside)}"]`)?.focus();
          }
          const now = Date.now();
          if (said && now - spoken > 15000) {
            spoken = now;
            said.textContent = live.querySelector("[data-cw-say]")?.textContent || "";
          }
        }
      } catch {
        // The portal is away for a moment: the numbers stay, and say as of when they are.
      }
      setTimeout(look, 2000);
    };
    setTimeout(look, 2000);
  }

  // A second press while the first is on its way sends nothing.
  for (const form of document.querySelectorAll("form[data-cw-once]")) {
    form.addEventListener("submit", () => {
      setTimeout(() => form.querySelectorAll("button").forEach((button) => { button.disabled = true; }));
    });
  }
  // Back from another page by the browser's button: what was pressed can be pressed again.
  addEventListener("pageshow", (event) => {
    if (event.persisted) {
      location.reload();
    }
  });
})();
