// A preview: how far it is while it is made, and what is selected. Without this there are "Update" and the check boxes.
"use strict";
(() => {
  const live = document.querySelector("[data-cw-making]");
  if (live) {
    const look = async () => {
      try {
        const answer = await fetch(live.dataset.cwMaking, { headers: { "X-Requested-With": "fetch" }, redirect: "error" });
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
    setTimeout(look, 1000);
  }

  const form = document.querySelector("form[data-cw-choose]");
  const boxes = [...document.querySelectorAll("[data-cw-pick]")];
  const button = form && form.querySelector("[data-cw-approve]");
  const sum = form && form.querySelector("[data-cw-sum]");
  if (!form || !boxes.length) {
    return;
  }
  const before = sum.innerHTML;
  const amount = (cents) => {
    const text = (Math.abs(cents) / 100).toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
    return `${cents > 0 ? "+" : cents < 0 ? "−" : ""}${text} ${form.dataset.currency}`;
  };
  const count = () => {
    const picked = boxes.filter((box) => box.checked && "approvable" in box.dataset);
    const accounts = picked.length === 1 ? "1 account" : `${picked.length} accounts`;
    if (!button) {
      return;
    }
    button.textContent = picked.length ? `Approve and export ${accounts}` : "Approve and export selected";
    if (picked.length) {
      const cents = picked.reduce((total, box) => total + Number(box.dataset.cents), 0);
      const bold = document.createElement("b");
      bold.textContent = `${accounts} selected: ${amount(cents)} a month`;
      sum.replaceChildren(bold);
    } else {
      sum.innerHTML = before;
    }
  };
  for (const box of boxes) {
    box.addEventListener("change", count);
    // Enter would press the first button of the form; here it ticks, as the space bar does.
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        box.click();
      }
    });
  }
  addEventListener("pageshow", count);
})();
