// Before and after: which of the two is shown, and the slider between them.

import { say } from "./notices.js";

export function connectCompare(editor) {
  const slider = document.querySelector("#split");
  const buttons = [...document.querySelectorAll("button[data-mode]")];
  const show = (mode) => {
    if (mode === "compare" && !editor.result) return;
    editor.set("mode", { mode });
    say(mode === "compare" ? "Before and after." : "Editing the mask.");
  };
  for (const button of buttons) button.addEventListener("click", () => show(button.dataset.mode));
  slider.addEventListener("input", () => editor.set("split", { split: slider.value / 100 }));
  editor.on("split mode result", () => {
    slider.value = Math.round(editor.split * 100);
    slider.setAttribute("aria-valuetext", `${slider.value} % before`);
    document.querySelector("#compare").hidden = editor.mode !== "compare";
    document.querySelector("#modes").hidden = !editor.result;
    document.querySelector("#stage").dataset.mode = editor.mode;
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.mode === editor.mode));
  });
  return () => show(editor.mode === "compare" ? "edit" : "compare");
}
