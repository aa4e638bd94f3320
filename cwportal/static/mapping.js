// Account mapping: companies while typing, select-all, a count of unsaved rows. Without this the page's buttons do the same.
"use strict";
(() => {
  const form = document.querySelector("form[data-cw-mapping]");
  const token = form && form.elements.namedItem(form.dataset.cwToken);
  if (!token) {
    return;
  }
  const address = form.dataset.cwMapping;
  const headers = { "X-Requested-With": "fetch" };
  let number = 0;

  // --- companies while typing: the ARIA combobox pattern ---------------------------------------------------------
  const list = document.createElement("ul");
  list.className = "cw-options";
  list.id = "cw-options";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Companies");
  list.hidden = true;
  document.querySelector(".cw").append(list);
  const said = document.createElement("p");
  said.className = "visually-hidden";
  said.setAttribute("role", "status");
  form.append(said);
  let field = null;
  let offers = [];
  let active = -1;
  let timer = 0;

  const place = () => {
    const box = field.getBoundingClientRect();
    list.classList.toggle("above", box.bottom + 240 > window.innerHeight && box.top > 240);
    // The list stands right behind its field in the page, so that no script has to write styles.
    field.parentElement.append(list);
  };
  const close = () => {
    list.hidden = true;
    active = -1;
    if (field) {
      field.setAttribute("aria-expanded", "false");
      field.removeAttribute("aria-activedescendant");
    }
  };
  const mark = (at) => {
    active = at;
    [...list.children].forEach((item, index) => {
      item.setAttribute("aria-selected", String(index === at));
      if (index === at) {
        field.setAttribute("aria-activedescendant", item.id);
        item.scrollIntoView({ block: "nearest" });
      }
    });
  };
  const rowOf = (input) => input.closest("tr");
  const part = (input, name) => rowOf(input).querySelector(`[name^="${name}-"]`);

  const options = (select, found) => {
    const before = select.value;
    select.replaceChildren(new Option("Choose …", ""), ...found.map((one) => {
      const option = new Option(one.label, one.value);
      option.disabled = one.disabled;
      return option;
    }));
    const free = found.filter((one) => !one.disabled && one.value !== "new" && !one.used);
    select.value = free.length === 1 ? free[0].value : "";
    select.classList.toggle("want", !select.value);
    return before;
  };
  const pick = (at) => {
    const offer = offers[at];
    if (!offer || offer.disabled) {
      return;
    }
    field.value = offer.name;
    part(field, "cid").value = offer.id;
    options(part(field, "agreement"), offer.agreements);
    field.classList.remove("want");
    said.textContent = `${offer.name} is chosen. Now choose its agreement.`;
    close();
    count();
  };
  const show = (found) => {
    offers = found;
    list.replaceChildren(...found.map((offer, index) => {
      const item = document.createElement("li");
      item.id = `cw-option-${index}`;
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", "false");
      if (offer.disabled) {
        item.setAttribute("aria-disabled", "true");
      }
      const name = document.createElement("bdi");
      name.textContent = offer.label;
      item.append(name);
      item.addEventListener("mousedown", (event) => {
        event.preventDefault();
        pick(index);
      });
      return item;
    }));
    active = -1;
    list.hidden = found.length === 0;
    field.setAttribute("aria-expanded", String(found.length > 0));
    said.textContent = found.length === 0 ? "No company fits." : `${found.length} companies fit. Use the arrow keys.`;
    if (found.length) {
      place();
    }
  };
  const ask = async (text) => {
    const mine = ++number;
    try {
      const asked = new URLSearchParams({ q: text, account: rowOf(field).querySelector("[name=row]").value });
      const answer = await fetch(`${address}?${asked}`, { headers, redirect: "error" });
      const data = await answer.json();
      if (mine === number && document.activeElement === field) {
        show(data.companies);
      }
    } catch {
      // The portal is away for a moment: the button "Look up typed companies" does it later.
    }
  };
  form.querySelectorAll('input[name^="company-"]:not([type=hidden])').forEach((input) => {
    input.setAttribute("role", "combobox");
    input.setAttribute("aria-autocomplete", "list");
    input.setAttribute("aria-expanded", "false");
    input.setAttribute("aria-controls", "cw-options");
    const shown = { text: input.value, company: part(input, "cid").value };
    input.addEventListener("focus", () => {
      field = input;
    });
    input.addEventListener("blur", () => {
      // An answer that comes now is for this row, and must not open under the next one.
      clearTimeout(timer);
      number += 1;
      close();
    });
    input.addEventListener("input", () => {
      field = input;
      // Back to the text that was there is back to the company that was there.
      part(input, "cid").value = input.value.trim() === shown.text ? shown.company : "";
      clearTimeout(timer);
      const text = input.value.trim();
      if (text) {
        timer = setTimeout(() => ask(text), 150);
      } else {
        number += 1;
        close();
      }
    });
    input.addEventListener("keydown", (event) => {
      if (list.hidden) {
        if (event.key === "ArrowDown" && input.value.trim()) {
          event.preventDefault();
          ask(input.value.trim());
        }
        return;
      }
      const last = offers.length - 1;
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        mark(event.key === "ArrowDown" ? (active >= last ? 0 : active + 1) : (active <= 0 ? last : active - 1));
      } else if (event.key === "Enter" && active >= 0) {
        event.preventDefault();
        pick(active);
      } else if (event.key === "Escape") {
        event.preventDefault();
        close();
      }
    });
  });

  // --- select all ------------------------------------------------------------------------------------------------
  const head = document.getElementById("select-all");
  const boxes = [...form.querySelectorAll("input[name=select]")];
  if (head && boxes.length) {
    const all = document.createElement("input");
    all.type = "checkbox";
    all.className = "form-check-input";
    all.setAttribute("aria-label", "Select all rows of this page");
    all.addEventListener("change", () => boxes.forEach((box) => { box.checked = all.checked; }));
    boxes.forEach((box) => box.addEventListener("change", () => {
      all.checked = boxes.every((one) => one.checked);
      all.indeterminate = !all.checked && boxes.some((one) => one.checked);
    }));
    head.append(all);
  }

  // --- how many rows are not saved -------------------------------------------------------------------------------
  const told = document.getElementById("unsaved");
  const kept = Number(form.dataset.cwUnsaved);
  const rows = [...form.querySelectorAll("tbody tr")];
  const nothing = told ? told.innerHTML : "";
  const state = (row) => JSON.stringify([...row.querySelectorAll("input:not([name=select], [name^='among-']), select")].map(
    (one) => (one.type === "checkbox" ? one.checked : one.value)));
  const before = new Map(rows.map((row) => [row, state(row)]));
  let typed = 0;
  const count = () => {
    const changed = rows.filter((row) => state(row) !== before.get(row));
    typed = changed.length;
    // A row that was kept before is one change, however often it is typed into.
    const sum = kept + changed.filter((row) => !("cwKept" in row.dataset)).length;
    const text = `${sum} ${sum === 1 ? "change" : "changes"} not saved yet. They stay while you search, filter and page.`;
    if (told && !typed && told.innerHTML !== nothing) {
      told.innerHTML = nothing;
    } else if (told && typed && told.textContent !== text) {
      told.textContent = text;
    }
  };
  form.addEventListener("input", count);
  form.addEventListener("change", count);
  let leaving = false;
  form.addEventListener("submit", () => { leaving = true; });
  window.addEventListener("pageshow", () => { leaving = false; });
  window.addEventListener("beforeunload", (event) => {
    if (typed && !leaving) {
      event.preventDefault();
    }
  });

  // --- how fresh companies are -----------------------------------------------------------------------------------
  const fresh = document.getElementById("fresh");
  const look = async () => {
    try {
      const answer = await fetch(`${address}?q=`, { headers, redirect: "error" });
      if (answer.ok) {
        const standing = await answer.json();
        if (fresh.textContent.trim() !== standing.told) {
          fresh.textContent = standing.told;
        }
        if (!standing.reading) {
          return;
        }
      }
    } catch {
      // Asked again below.
    }
    setTimeout(look, 2000);
  };
  if (fresh && "cwReading" in fresh.dataset) {
    setTimeout(look, 2000);
  } else if (fresh && "cwStale" in fresh.dataset) {
    const body = new URLSearchParams({ [token.name]: token.value, do: "fresh" });
    fetch(form.action, { method: "POST", headers, body, redirect: "error" }).catch(() => {});
  }
})();
