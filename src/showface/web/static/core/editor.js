// What is open: picture, mask, history, tool, result. Whoever shows some of it listens for the topic's event.
// Topics: picture, mask (detail: what changed, a Rect), tool, view, faces, parts, hover, mode, result, busy.

import { History } from "./history.js";
import { Mask, joined } from "./mask.js";

export class Editor extends EventTarget {
  picture = null; // {name, kept, width, height, format, bitmap}
  mask = null; // Mask of the picture's size
  history = new History();
  tool = "brush";
  brush = 40; // diameter in the picture's pixels
  brushChosen = false; // by the person; else it follows the faces that are found
  faces = []; // {box: [x, y, width, height]}
  faceBox = null; // a face that was marked by hand
  parts = []; // Part, see core/parts.js
  hovered = []; // the parts under the pointer
  mode = "edit"; // or "compare"
  split = 0.5; // where before ends and after begins, of the picture's width
  filling = { mirror: "auto", fidelity: 0 }; // fields of the service, with its defaults; kept from picture to picture
  result = null; // {bitmap, blob, version, asked, seconds, faces, hole_share, mirrored, mirror, warnings, ...}
  version = 0; // of the mask; a result knows which one it belongs to
  busy = null; // what is going on, in words

  /** @param {(topic: string) => void} listener */
  on(topics, listener) {
    for (const topic of topics.split(" ")) this.addEventListener(topic, listener);
  }

  emit(topic, detail) {
    this.dispatchEvent(new CustomEvent(topic, { detail }));
  }

  /** Sets properties and tells about `topic`. */
  set(topic, values) {
    Object.assign(this, values);
    this.emit(topic);
  }

  open(picture) {
    this.history.clear();
    const size = Math.min(picture.width, picture.height);
    Object.assign(this, {
      picture, mask: new Mask(picture.width, picture.height), faces: [], faceBox: null, parts: [], hovered: [],
      mode: "edit", result: null, split: 0.5, brush: Math.max(3, Math.round(size / 12)), brushChosen: false,
      version: this.version + 1,
    }); // prettier-ignore
    for (const topic of ["picture", "mask", "faces", "parts", "mode", "result", "tool"]) this.emit(topic);
  }

  /** Whether the result was made with the mask and the settings as they are now. */
  get isCurrent() {
    const { result, filling, version } = this;
    return result?.version === version && Object.keys(filling).every((name) => result.asked[name] === filling[name]);
  }

  /** How holes are filled in from now on; what was made otherwise is no longer shown as the result. */
  fillWith(changed) {
    this.filling = { ...this.filling, ...changed };
    if (this.mode === "compare") this.set("mode", { mode: "edit" });
    this.emit("result");
  }

  /** A change that goes on for a while, such as a brush stroke. @param {string} what for people */
  begin(what) {
    return new Change(this, what);
  }

  /** One change at once. `work(mask)` changes it and returns the Rect it touched, or null. */
  change(what, work) {
    const change = this.begin(what);
    change.touch(work(this.mask));
    return change.end();
  }

  /** Puts another mask of the same size in place of this one, as one step. */
  replace(what, mask) {
    return this.change(what, (old) => {
      old.data.set(mask.data);
      return old.whole();
    });
  }

  undo() {
    return this.#moved(this.history.undo(this.mask));
  }

  redo() {
    return this.#moved(this.history.redo(this.mask));
  }

  #moved(step) {
    if (step) this.maskChanged(step.rect);
    return step;
  }

  maskChanged(rect) {
    this.version++;
    if (this.mode === "compare") this.set("mode", { mode: "edit" });
    this.emit("mask", rect);
  }
}

class Change {
  #rect = null;

  constructor(editor, what) {
    Object.assign(this, { editor, what, before: editor.mask.clone() });
  }

  /** Shows what was just changed. */
  touch(rect) {
    if (!rect) return;
    this.#rect = joined(this.#rect, rect);
    this.editor.emit("mask", rect);
  }

  /** Notes it for undo; says whether anything is different now. */
  end() {
    const { editor, what, before } = this;
    const differs = this.#rect !== null && editor.history.record(what, before, editor.mask, this.#rect);
    if (differs) editor.maskChanged(this.#rect);
    return differs;
  }

  /** As if nothing had been done. */
  cancel() {
    if (!this.#rect) return;
    this.editor.mask.data.set(this.before.data);
    this.editor.emit("mask", this.#rect);
  }
}
