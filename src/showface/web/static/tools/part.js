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
    const part = partAt(this.editor.parts, point);
    if (part !== (this.editor.hovered[0] ?? null)) this.editor.set("hover", { hovered: part ? [part] : [] });
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
