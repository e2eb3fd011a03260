// The help dialog: how it works, and every shortcut.

import { ON_THE_STAGE, singleKeys } from "./keyboard.js";

export function connectHelp(groups) {
  const dialog = document.querySelector("#help");
  const table = document.querySelector("#shortcuts");
  table.replaceChildren(...[...groups, ["With the picture in focus", ON_THE_STAGE]].map(([title, lines]) => groupOf(title, lines)));
  const box = document.querySelector("#single-keys");
  box.checked = singleKeys.on;
  box.addEventListener("change", () => (singleKeys.on = box.checked));
  for (const button of document.querySelectorAll("[data-close]")) {
    button.addEventListener("click", () => button.closest("dialog").close());
  }
  const show = () => dialog.showModal();
  document.querySelector("#show-help").addEventListener("click", show);
  return show;
}

function groupOf(title, lines) {
  const section = document.createElement("section");
  if (lines === ON_THE_STAGE) section.className = "wide";
  const list = document.createElement("dl");
  for (const [key, what] of lines) {
    const term = document.createElement("dt");
    term.append(...keysOf(key));
    list.append(term, Object.assign(document.createElement("dd"), { textContent: what }));
  }
  section.append(Object.assign(document.createElement("h3"), { textContent: title }), list);
  return section;
}

/** "Ctrl+Z" and "Enter or Space" as keys with the words between them. */
function keysOf(text) {
  const names = text === "+" ? ["+"] : text.split(/(\+| or )/);
  return names.map((name, index) =>
    index % 2 ? ` ${name.trim()} ` : Object.assign(document.createElement("kbd"), { textContent: name.trim() }),
  );
}
