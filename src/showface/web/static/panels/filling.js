// How holes are filled in: from the other side of the face or not, and where between faithful and natural.

const $ = (selector) => document.querySelector(selector);

/** A browser may remember another state than the editor starts with; the editor's counts. */
export function connectFilling(editor) {
  const mirror = $("#mirror");
  mirror.checked = editor.filling.mirror === "auto";
  mirror.addEventListener("change", () => editor.fillWith({ mirror: mirror.checked ? "auto" : "off" }));

  const slider = $("#fidelity"); // natural at its right end, so against the fidelity
  const show = () => {
    const words = wordsFor(editor.filling.fidelity);
    $("#fidelity-value").textContent = words;
    slider.setAttribute("aria-valuetext", words);
  };
  slider.value = 100 - 100 * editor.filling.fidelity;
  slider.addEventListener("input", () => {
    editor.fillWith({ fidelity: (100 - slider.value) / 100 });
    show();
  });
  show();
}

function wordsFor(fidelity) {
  if (fidelity === 0) return "natural";
  return fidelity === 1 ? "faithful" : `${Math.round(fidelity * 100)} % faithful`;
}
