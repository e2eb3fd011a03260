// A rectangle between two corners: part of the mask, or where a face is.

import { rectangle } from "../core/shapes.js";

class Corners {
  from = null;

  constructor(editor) {
    this.editor = editor;
  }

  down(point) {
    this.from = this.to = point;
  }

  move(point) {
    if (this.from) this.to = point;
  }

  up() {
    const { from, to } = this;
    this.from = null;
    if (from) this.finish(from, to);
  }

  cancel() {
    this.from = null;
  }

  draw(context, stage) {
    if (!this.from) return;
    const a = stage.viewport.toStage(this.from);
    const b = stage.viewport.toStage(this.to);
    stage.line((path) => path.rect(a.x, a.y, b.x - a.x, b.y - a.y), { dashes: [6, 5] });
  }
}

export class Rectangle extends Corners {
  name = "rectangle";
  label = "Rectangle";

  finish(from, to) {
    this.editor.change("rectangle", (mask) => rectangle(mask, from, to, 1));
  }
}

/** Marks a face that was not found. @param {(box: number[]) => void} marked */
export class FaceBox extends Corners {
  name = "face";
  label = "Mark a face";

  constructor(editor, marked) {
    super(editor);
    this.marked = marked;
  }

  finish(from, to) {
    const { width, height } = this.editor.picture;
    const left = Math.max(0, Math.round(Math.min(from.x, to.x)));
    const top = Math.max(0, Math.round(Math.min(from.y, to.y)));
    const right = Math.min(width, Math.round(Math.max(from.x, to.x)));
    const bottom = Math.min(height, Math.round(Math.max(from.y, to.y)));
    if (right - left >= 8 && bottom - top >= 8) this.marked([left, top, right - left, bottom - top]);
  }
}
