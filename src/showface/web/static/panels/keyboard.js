// Every shortcut, once: what listens for keys and what the help dialog lists.

const OFF = "showface.single-keys-off";

/** @param does what the keys call; see main.js */
export function shortcutsOf(does) {
  return [
    ["Tools", [
      ["B", "Brush", does.tool("brush")], ["E", "Eraser", does.tool("eraser")],
      ["R", "Rectangle", does.tool("rectangle")], ["L", "Lasso", does.tool("lasso")],
      ["P", "Part of a face", does.tool("part")], ["H", "Move the picture", does.tool("hand")],
      ["[", "Smaller brush", does.smaller], ["]", "Larger brush", does.larger],
    ]],
    ["Mask", [
      ["Ctrl+Z", "Undo", does.undo], ["Ctrl+Shift+Z", "Redo", does.redo], ["Ctrl+Y", "Redo", does.redo],
      ["G", "Grow", does.grow], ["S", "Shrink", does.shrink], ["I", "Invert", does.invert],
      ["Delete", "Clear", does.clear],
    ]],
    ["Picture", [
      ["Ctrl+O", "Open", does.open], ["Ctrl+V", "Paste a picture", null], ["Ctrl+Enter", "Complete", does.complete],
      ["Escape", "Cancel", does.cancel], ["X", "Before and after, or the mask", does.compare],
      ["Ctrl+S", "Download the result", does.download],
    ]],
    ["View", [
      ["+", "Zoom in", does.zoomIn], ["-", "Zoom out", does.zoomOut], ["0", "Fit", does.fit], ["1", "100 %", does.actual],
      ["?", "This help", does.help],
    ]],
  ]; // prettier-ignore
}

/** Lines that need no listener of ours: they belong to the stage. */
export const ON_THE_STAGE = [
  ["Arrows", "Move the cross, or the divider; with Shift by one pixel"],
  ["Enter or Space", "Put the tool down, take it up"],
  ["Space+drag", "Move the picture"],
  ["Wheel or two fingers", "Zoom, move"],
];

export function listenForKeys(groups) {
  const actions = new Map(groups.flatMap(([, lines]) => lines).map(([key, , run]) => [key, run]));
  addEventListener("keydown", (event) => {
    const key = nameOf(event);
    const run = actions.get(key);
    if (!run || document.querySelector("dialog[open]") || isTyped(event, key)) return;
    if (run() !== false) event.preventDefault();
  });
}

export const singleKeys = {
  get on() {
    return localStorage.getItem(OFF) === null;
  },
  set on(value) {
    if (value) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "1");
  },
};

function nameOf(event) {
  const key = event.key.length === 1 ? event.key.toUpperCase() : event.key;
  const ctrl = event.ctrlKey || event.metaKey ? "Ctrl+" : "";
  if (event.altKey) return "";
  const shift = event.shiftKey && ctrl ? "Shift+" : "";
  return ctrl + shift + (key === "=" ? "+" : key === "Backspace" ? "Delete" : key);
}

/** Whether the key is meant for the field that has the focus, or single keys are switched off. */
function isTyped(event, key) {
  if (key.startsWith("Ctrl+") || key === "Escape") return false;
  const field = event.target.closest?.("input, select, textarea");
  if (field && (field.type !== "range" || key.startsWith("Arrow"))) return true;
  return !singleKeys.on;
}
