// The sentence about the next export follows what is chosen; without this "Show again" does it.
"use strict";
(() => {
  const place = document.querySelector("[data-cw-next]");
  const form = place && place.closest("form");
  if (!form) {
    return;
  }
  const names = ["export", "time", "day", "timezone"];
  let asked = 0;
  form.addEventListener("change", async (event) => {
    if (!names.includes(event.target.name)) {
      return;
    }
    const mine = ++asked;
    const data = new FormData(form);
    const query = new URLSearchParams(names.map((name) => [name, data.get(name) ?? ""]));
    try {
      const answer = await fetch(`${place.dataset.cwNext}?${query}`, { headers: { "X-Requested-With": "fetch" }, redirect: "error" });
      if (answer.ok && mine === asked) {
        place.innerHTML = await answer.text();
      }
    } catch {
      // The portal is away for a moment: "Show again" tells.
    }
  });
})();
