// The stage without a mouse: arrows move a cross, Enter or the space bar put the tool down and take it up.

import { partAt } from "../core/parts.js";

const STEP = 12; // CSS pixels; with Shift a single pixel of the picture
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class KeyboardCursor {
  #isDown = false;

  constructor(editor, stage, tools, pointing, say) {
    Object.assign(this, { editor, stage, tools, pointing, say });
    stage.element.addEventListener("keydown", (event) => this.#pressed(event));
    stage.element.addEventListener("keyup", (event) => this.#released(event));
    stage.element.addEventListener("blur", () => this.#lift(false));
  }

  #pressed(event) {
    if (!this.editor.picture || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in ARROWS) this.#arrow(event);
    else if (event.key === " ") this.#space();
    else if (event.key === "Enter" && this.editor.mode === "edit") this.#toggle();
    else if (event.key === "Escape" && this.#isDown) this.#lift(false);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #arrow(event) {
    const [dx, dy] = ARROWS[event.key];
    if (this.editor.mode === "compare") return this.#split(dx || -dy);
    const step = event.shiftKey ? 1 : Math.max(1, STEP / this.stage.viewport.scale);
    this.#move(dx * step, dy * step);
  }

  #split(direction) {
    this.editor.set("split", { split: Math.min(1, Math.max(0, this.editor.split + direction * 0.02)) });
  }

  #move(dx, dy) {
    const { width, height } = this.editor.picture;
    const from = this.stage.cursor ?? { x: width / 2, y: height / 2 };
    const within = (value, most) => Math.min(most, Math.max(0, value));
    const to = this.stage.cursor ? { x: within(from.x + dx, width), y: within(from.y + dy, height) } : from;
    this.stage.cursor = to;
    this.stage.look((viewport) => viewport.reveal(to));
    if (this.#isDown) this.tools.move(to);
    else this.tools.hover(to);
    const part = partAt(this.editor.parts, to);
    this.say(`${Math.round(to.x)}, ${Math.round(to.y)}${part ? `, ${part.label.toLowerCase()}` : ""}`);
  }

  /** The space bar counts as Enter, unless something was dragged while it was held. */
  #space() {
    if (this.pointing.spaceHeld) return;
    Object.assign(this.pointing, { spaceHeld: true, spaceUsed: false });
  }

  #released(event) {
    if (event.key !== " ") return;
    this.pointing.spaceHeld = false;
    if (!this.pointing.spaceUsed && this.editor.mode === "edit") this.#toggle();
  }

  #toggle() {
    if (!this.stage.cursor) return this.#move(0, 0);
    if (this.#isDown) return this.#lift(true);
    this.#isDown = true;
    this.tools.down(this.stage.cursor, {});
    if (this.tools.current.isInstant) return this.#lift(true);
    this.say(`${this.tools.current.label} down. Arrows draw, Enter ends, Escape cancels.`);
  }

  #lift(ends) {
    this.pointing.spaceHeld = false;
    if (!this.#isDown) return;
    this.#isDown = false;
    if (ends) this.tools.up();
    else this.tools.cancel();
    this.stage.redraw();
  }
}
