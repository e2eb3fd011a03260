// All tools, and the one that is in hand.

import { Brush } from "./brush.js";
import { Lasso } from "./lasso.js";
import { PartPicker } from "./part.js";
import { FaceBox, Rectangle } from "./rectangle.js";

const HAND = { name: "hand", label: "Move", down() {}, move() {}, up() {}, cancel() {} };

export class Toolbox {
  /** @param {(text: string) => void} say @param {(box: number[]) => void} faceMarked */
  constructor(editor, stage, { say, faceMarked }) {
    Object.assign(this, { editor, stage });
    const tools = [
      new Brush(editor, { name: "brush", label: "Brush", value: 1 }),
      new Brush(editor, { name: "eraser", label: "Eraser", value: 0 }),
      new Rectangle(editor),
      new Lasso(editor),
      new PartPicker(editor, say),
      new FaceBox(editor, faceMarked),
      HAND,
    ];
    this.tools = new Map(tools.map((tool) => [tool.name, tool]));
    editor.on("tool", () => this.#taken());
    this.#taken();
  }

  get current() {
    return this.tools.get(this.editor.tool);
  }

  #taken() {
    this.stage.tool = this.current;
    this.stage.element.dataset.tool = this.current.name;
    if (this.editor.hovered.length) this.editor.set("hover", { hovered: [] });
  }

  down(point, how) {
    this.current.down(point, how);
    this.stage.redraw();
  }

  move(point) {
    this.current.move(point);
    this.stage.redraw();
  }

  up() {
    this.current.up();
    this.stage.redraw();
  }

  cancel() {
    this.current.cancel();
    this.stage.redraw();
  }

  hover(point) {
    this.current.hover?.(point);
  }
}
