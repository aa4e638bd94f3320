// Retail pricing: how many prices are typed and not saved, and a question before they are left behind. The page works without it.
"use strict";
(() => {
  const form = document.querySelector("form[data-cw-prices]");
  if (!form) {
    return;
  }
  const told = form.querySelector("[data-cw-unsaved]");
  const carried = form.querySelectorAll("input[type=hidden][name=price]").length;
  const fields = [...form.querySelectorAll("input.cw-amount")];
  const unsaved = () => carried + fields.filter((field) => field.value.trim() !== field.parentElement.querySelector("[name=was]").value).length;
  let leaving = false;
  form.addEventListener("input", () => {
    const count = unsaved();
    told.textContent = count ? `${count} ${count === 1 ? "change" : "changes"} not saved yet. They stay while you search, filter and page.` : "Nothing to save.";
  });
  form.addEventListener("submit", () => { leaving = true; });
  form.querySelector("[data-cw-discard]")?.addEventListener("click", () => { leaving = true; });
  window.addEventListener("beforeunload", (event) => {
    if (!leaving && unsaved()) {
      event.preventDefault();
    }
  });
})();
