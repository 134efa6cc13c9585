"use strict";
// The page says everything without this. It only picks out parts, unfolds what is folded for
// printing, and says when the page is an old one.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const press = (group, chosen) => {
    for (const one of all("button", group)) one.setAttribute("aria-pressed", String(one === chosen));
  };

  const old = document.getElementById("old");
  const made = document.getElementById("made");
  const hours = Math.floor((Date.now() - Date.parse(made.dateTime)) / 3600000);
  if (hours >= 12) {
    const age = hours < 72 ? `${hours} hours` : `${Math.floor(hours / 24)} days`;
    old.textContent = `This page is ${age} old: what it calls safe may not be so any more.`;
    old.hidden = false;
  }

  for (const group of all("[data-filter]")) {
    const table = document.getElementById(group.dataset.filter);
    if (!table) continue;
    const folded = table.querySelector("details");
    const empty = document.querySelector(`[data-empty="${group.dataset.filter}"]`);
    const rows = all("[data-kind]", table);
    const leg = group.querySelector("select");
    const choice = { kinds: [""], leg: "" };
    const show = () => {
      let seen = 0;
      for (const row of rows) {
        const fits = choice.kinds.includes("") || choice.kinds.includes(row.dataset.kind);
        row.hidden = !(fits && (!choice.leg || row.dataset.leg === choice.leg));
        seen += row.hidden ? 0 : 1;
      }
      if (empty) empty.hidden = seen > 0;
      if (folded && (choice.leg || !choice.kinds.includes(""))) folded.open = true;
    };
    for (const button of all("button", group)) {
      button.addEventListener("click", () => {
        choice.kinds = button.dataset.kind ? button.dataset.kind.split(" ") : [""];
        press(group, button);
        show();
      });
    }
    leg?.addEventListener("change", () => {
      choice.leg = leg.value;
      show();
    });
    group.hidden = false;
  }

  const pick = document.querySelector("[data-pick]");
  const drawing = document.querySelector(".flow svg");
  if (pick && drawing) {
    for (const button of all("button", pick)) {
      button.addEventListener("click", () => {
        const number = button.dataset.number;
        press(pick, button);
        drawing.classList.toggle("picked", number !== "");
        for (const part of all("[data-numbers]", drawing)) {
          const through = part.dataset.numbers.split(" ").includes(number);
          part.classList.toggle("on", number !== "" && through);
        }
      });
    }
    pick.hidden = false;
  }

  let folded = [];
  addEventListener("beforeprint", () => {
    folded = all("details:not([open]):not(.list)");
    for (const one of folded) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of folded) one.open = false;
  });
})();
