// What the person should know: said to a screen reader, or shown until it is closed.

const spoken = document.querySelector("#spoken");
const list = document.querySelector("#notices");

/** Says something that is seen anyway. */
export function say(text) {
  spoken.textContent = text;
}

/**
 * Shows a message with what can be done about it.
 * @param {{text: string, kind?: "error" | "note", actions?: {label: string, run: () => void}[]}} notice
 */
export function tell({ text, kind = "note", actions = [] }) {
  const item = document.createElement("div");
  item.className = `notice ${kind}`;
  item.setAttribute("role", kind === "error" ? "alert" : "status");
  const words = document.createElement("p");
  words.textContent = text;
  const buttons = [...actions, { label: "Close", run() {}, quiet: true }].map(({ label, run, quiet }) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    if (quiet) button.className = "quiet";
    button.addEventListener("click", () => {
      item.remove();
      run();
    });
    return button;
  });
  item.append(words, ...buttons);
  const same = [...list.children].find((other) => other.firstChild.textContent === text);
  if (same) same.replaceWith(item);
  else list.append(item);
  while (list.children.length > 3) list.firstChild.remove();
  return item;
}

/** An error of the service or of the page, with a way to try again where that makes sense. */
export function tellError(error, again) {
  const actions = again ? [{ label: "Try again", run: again }] : [];
  tell({ text: error.message, kind: "error", actions });
}

export function clearNotices() {
  list.replaceChildren();
}
