// Mouse, pen and fingers on the stage: one paints, two pinch and move, the wheel zooms.

const ERASER_END = 32; // of a pen: PointerEvent.buttons

export class Pointing {
  #down = new Map(); // pointerId -> where it is, in CSS pixels of the stage
  #doing = null; // "tool", "pan", "pinch" or "split"
  spaceHeld = false;
  spaceUsed = false; // whether the space bar moved the picture since it was pressed

  /** @param tools {down(point, event), move(point), up(), cancel(), hover(point)}: points in the picture's pixels */
  constructor(editor, stage, tools) {
    Object.assign(this, { editor, stage, tools });
    const { element } = stage;
    const listen = (name, listener, options) => element.addEventListener(name, listener.bind(this), options);
    listen("pointerdown", this.#pressed);
    listen("pointermove", this.#moved);
    for (const name of ["pointerup", "pointercancel"]) listen(name, this.#released);
    listen("pointerleave", this.#left);
    listen("wheel", this.#wheel, { passive: false });
    listen("contextmenu", (event) => event.preventDefault());
  }

  #pressed(event) {
    if (!this.editor.picture || event.button === 2) return;
    if (event.pointerType === "touch" && this.pen) return; // the hand that holds the pen
    event.preventDefault();
    this.stage.element.focus({ preventScroll: true, focusVisible: false });
    this.stage.element.setPointerCapture(event.pointerId);
    this.stage.cursor = null;
    this.#down.set(event.pointerId, this.stage.at(event));
    this.pen = event.pointerType === "pen";
    if (this.#down.size === 1) this.#begin(event);
    else this.#pinch();
  }

  #begin(event) {
    const pans = event.button === 1 || this.spaceHeld || this.editor.tool === "hand";
    if (pans) this.spaceUsed = true;
    this.#doing = pans ? "pan" : this.editor.mode === "compare" ? "split" : "tool";
    if (this.#doing === "split") this.#split(event);
    if (this.#doing === "tool") this.tools.down(this.#point(event), { erases: (event.buttons & ERASER_END) > 0 });
    this.stage.element.classList.toggle("panning", pans);
  }

  #pinch() {
    if (this.#doing === "tool") this.tools.cancel();
    this.#doing = "pinch";
  }

  #moved(event) {
    const here = this.stage.at(event);
    if (event.pointerType !== "touch") this.stage.pointer = here;
    const before = this.#down.get(event.pointerId);
    if (!before) return this.#hover(event);
    if (this.#doing === "pinch") this.#pinched(event.pointerId, here);
    if (this.#doing === "pan") this.stage.look((viewport) => viewport.pan(here.x - before.x, here.y - before.y));
    if (this.#doing === "split") this.#split(event);
    if (this.#doing === "tool") this.#draw(event);
    this.#down.set(event.pointerId, here);
    this.stage.redraw();
  }

  /** Also what happened between two frames, so that quick strokes are round. */
  #draw(event) {
    const events = event.getCoalescedEvents?.() ?? [];
    for (const one of events.length ? events : [event]) this.tools.move(this.#point(one));
  }

  #pinched(id, here) {
    const other = [...this.#down].find(([key]) => key !== id)?.[1];
    const before = this.#down.get(id);
    if (!other) return;
    const away = (point) => Math.max(1, Math.hypot(point.x - other.x, point.y - other.y));
    this.stage.look((viewport) => {
      viewport.pan((here.x - before.x) / 2, (here.y - before.y) / 2);
      viewport.zoom(away(here) / away(before), { x: (here.x + other.x) / 2, y: (here.y + other.y) / 2 });
    });
  }

  #hover(event) {
    if (this.editor.mode === "edit" && this.editor.picture) this.tools.hover(this.#point(event));
    this.stage.redraw();
  }

  #released(event) {
    if (!this.#down.delete(event.pointerId)) return;
    if (this.#doing === "tool") {
      if (event.type === "pointercancel") this.tools.cancel();
      else this.tools.up();
    }
    if (this.#down.size === 0) {
      this.#doing = this.pen = null;
      this.stage.element.classList.remove("panning");
    }
    this.stage.redraw();
  }

  #left() {
    this.stage.pointer = null;
    if (this.editor.hovered.length) this.editor.set("hover", { hovered: [] });
    this.stage.redraw();
  }

  #wheel(event) {
    if (!this.editor.picture) return;
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    const factor = Math.exp((-event.deltaY * lines) / (event.ctrlKey ? 100 : 400));
    this.stage.look((viewport) => viewport.zoom(factor, this.stage.at(event)));
  }

  #split(event) {
    const { x } = this.#point(event);
    this.editor.set("split", { split: Math.min(1, Math.max(0, x / this.editor.picture.width)) });
  }

  #point(event) {
    return this.stage.viewport.toPicture(this.stage.at(event));
  }
}
