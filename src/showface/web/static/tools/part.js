// One click on a part of a face marks it, another unmarks it.

import { partAt, toggle } from "../core/parts.js";

export class PartPicker {
  name = "part";
  label = "Part";
  isInstant = true; // nothing happens between down and up

  constructor(editor, say) {
    Object.assign(this, { editor, say });
  }

  hover(point) {
    const hovered = partAt(this.editor.parts, point);
    if (hovered !== this.editor.hovered) this.editor.set("hover", { hovered });
  }

  down(point) {
    this.start = point;
    this.hover(point);
  }

  move(point) {
    this.hover(point);
  }

  up() {
    const part = partAt(this.editor.parts, this.start);
    if (!part) return this.say("There is no part of a face here.");
    this.say(`${part.label} ${toggle(this.editor, [part]) ? "marked" : "unmarked"}.`);
  }

  cancel() {}
}
