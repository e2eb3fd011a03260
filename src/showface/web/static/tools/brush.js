// Brush and eraser: a round tip that follows the pointer.

import { stroke } from "../core/shapes.js";

export class Brush {
  #change = null;

  constructor(editor, { name, label, value }) {
    Object.assign(this, { editor, name, label, value });
  }

  down(point, { erases = false } = {}) {
    this.ink = erases ? 0 : this.value;
    this.#change = this.editor.begin(this.ink ? "brush stroke" : "eraser stroke");
    this.last = point;
    this.move(point);
  }

  move(point) {
    this.#change?.touch(stroke(this.editor.mask, this.last, point, this.editor.brush / 2, this.ink));
    this.last = point;
  }

  up() {
    this.#change?.end();
    this.#change = null;
  }

  cancel() {
    this.#change?.cancel();
    this.#change = null;
  }

  /** The tip's outline, where pointer or keyboard are. */
  draw(context, stage) {
    const at = stage.cursor ? stage.viewport.toStage(stage.cursor) : stage.pointer;
    if (!at) return;
    const radius = Math.max(1.5, (this.editor.brush / 2) * stage.viewport.scale);
    const dashes = this.value ? [] : [4, 4];
    stage.line((path) => path.arc(at.x, at.y, radius, 0, 2 * Math.PI), { dashes });
  }
}
