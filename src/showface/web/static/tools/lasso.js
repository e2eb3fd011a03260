// A line drawn round what should go; the ends are joined.

import { polygon } from "../core/shapes.js";

export class Lasso {
  name = "lasso";
  label = "Lasso";
  points = [];

  constructor(editor) {
    this.editor = editor;
  }

  down(point) {
    this.points = [point];
  }

  move(point) {
    if (this.points.length) this.points.push(point);
  }

  up() {
    const { points } = this;
    this.points = [];
    this.editor.change("lasso", (mask) => polygon(mask, points, 1));
  }

  cancel() {
    this.points = [];
  }

  draw(context, stage) {
    if (!this.points.length) return;
    stage.line((path) => {
      for (const point of this.points) {
        const { x, y } = stage.viewport.toStage(point);
        path.lineTo(x, y);
      }
    }, { dashes: [6, 5] }); // prettier-ignore
  }
}
