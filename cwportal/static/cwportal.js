// Numbers of an export under way, every two seconds; without this the page has its link "Update".
"use strict";
(() => {
  const live = document.querySelector("[data-cw-poll]");
  if (live) {
    const look = async () => {
      try {
        const answer = await fetch(live.dataset.cwPoll, { headers: { "X-Requested-With": "fetch" }, redirect: "error" });
        if (answer.headers.has("X-Export-Ended")) {
          location.reload();
          return;
        }
        if (answer.ok) {
          live.innerHTML = await answer.text();
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
})();
