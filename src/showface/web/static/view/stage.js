// Draws what is open: picture, result, mask, faces, the part under the pointer, what a tool is about to do.

import { highlightOf, Overlay } from "./overlay.js";
import { Viewport } from "./viewport.js";

const HIGHLIGHT = [255, 214, 64, 150];
const SHARP_FROM = 3; // CSS pixels of a picture's pixel from which pixels are shown as squares

export class Stage {
  viewport = new Viewport();
  pointer = null; // of a mouse or pen over the stage, in CSS pixels
  cursor = null; // of the keyboard, in the picture's pixels
  highlights = []; // {part, layer} under the pointer
  tool = null; // the tool's own drawing: {draw(context, stage)}

  /** @param {import("../core/editor.js").Editor} editor @param {HTMLElement} element */
  constructor(editor, element) {
    Object.assign(this, { editor, element, canvas: element.querySelector("canvas"), overlay: new Overlay() });
    this.context = this.canvas.getContext("2d");
    new ResizeObserver(() => this.#resize()).observe(element);
    editor.on("picture", () => this.#opened());
    editor.on("mask", ({ detail }) => this.#masked(detail));
    editor.on("hover", () => this.#hovered());
    editor.on("faces parts mode result tool split", () => this.redraw());
  }

  /** Draws with the next frame. */
  redraw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      if (this.editor.picture) this.#draw();
    });
  }

  /** Changes where the picture lies: `move(viewport)`. */
  look(move) {
    move(this.viewport);
    this.redraw();
    this.editor.emit("view");
  }

  /** @param {{clientX: number, clientY: number}} event @returns a point in CSS pixels of the stage */
  at(event) {
    const box = this.element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  #opened() {
    this.cursor = null;
    this.overlay.reset(this.editor.picture);
    this.#resize();
    this.look((viewport) => viewport.show(this.editor.picture));
  }

  #masked(rect) {
    if (this.editor.mask) this.overlay.update(this.editor.mask, rect ?? this.editor.mask.whole());
    this.redraw();
  }

  #hovered() {
    this.highlights = this.editor.hovered.map((part) => ({ part, layer: highlightOf(part, HIGHLIGHT) }));
    this.redraw();
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (!width || !height) return;
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.look((viewport) => viewport.resize(width, height));
  }

  #draw() {
    const { context, editor, viewport } = this;
    const ratio = this.canvas.width / viewport.width;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.imageSmoothingEnabled = viewport.scale < SHARP_FROM;
    context.imageSmoothingQuality = "high";
    this.#layer(editor.picture.bitmap);
    if (editor.mode === "compare") this.#drawAfter();
    else this.#drawEditing();
  }

  /** A layer that covers `box` of the picture, or all of it. */
  #layer(image, [x, y, width, height] = [0, 0, this.editor.picture.width, this.editor.picture.height]) {
    const { scale } = this.viewport;
    const at = this.viewport.toStage({ x, y });
    this.context.drawImage(image, at.x, at.y, width * scale, height * scale);
  }

  #drawAfter() {
    const { context, editor, viewport } = this;
    const x = viewport.toStage({ x: editor.split * editor.picture.width, y: 0 }).x;
    context.save();
    context.beginPath();
    context.rect(x, 0, viewport.width, viewport.height);
    context.clip();
    this.#layer(editor.result.bitmap);
    context.restore();
    this.#drawDivider(x);
  }

  #drawDivider(x) {
    const { context, viewport } = this;
    const middle = viewport.height / 2;
    this.line((path) => {
      path.moveTo(x, 0);
      path.lineTo(x, viewport.height);
    });
    context.beginPath();
    context.arc(x, middle, 16, 0, 2 * Math.PI);
    context.fillStyle = "#fff";
    context.fill();
    this.line((path) => {
      for (const side of [-1, 1]) {
        path.moveTo(x + side * 4, middle - 5);
        path.lineTo(x + side * 9, middle);
        path.lineTo(x + side * 4, middle + 5);
      }
    }, { colour: "#111", halo: "#fff" }); // prettier-ignore
  }

  #drawEditing() {
    const { context, editor } = this;
    context.save();
    context.imageSmoothingEnabled = false;
    const { step, canvas } = this.overlay;
    this.#layer(canvas, [0, 0, canvas.width * step, canvas.height * step]);
    for (const { part, layer } of this.highlights) this.#layer(layer, [part.left, part.top, layer.width, layer.height]);
    context.restore();
    for (const face of editor.faces) this.#drawFace(face.box);
    this.tool?.draw?.(context, this);
    if (this.cursor) this.#drawCursor();
  }

  /** The corners of a face's box. */
  #drawFace([left, top, width, height]) {
    const a = this.viewport.toStage({ x: left, y: top });
    const b = this.viewport.toStage({ x: left + width, y: top + height });
    const arm = Math.min(22, (b.x - a.x) / 4, (b.y - a.y) / 4);
    this.line((path) => {
      for (const [x, dx] of [[a.x, arm], [b.x, -arm]]) {
        for (const [y, dy] of [[a.y, arm], [b.y, -arm]]) {
          path.moveTo(x + dx, y);
          path.lineTo(x, y);
          path.lineTo(x, y + dy);
        }
      }
    }); // prettier-ignore
  }

  #drawCursor() {
    const { x, y } = this.viewport.toStage(this.cursor);
    this.line((path) => {
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        path.moveTo(x + dx * 5, y + dy * 5);
        path.lineTo(x + dx * 16, y + dy * 16);
      }
    }); // prettier-ignore
  }

  /** A thin line that is seen on light and on dark. @param {(path: Path2D) => void} trace */
  line(trace, { colour = "#fff", halo = "rgb(0 0 0 / 65%)", dashes = [] } = {}) {
    const { context } = this;
    const path = new Path2D();
    trace(path);
    context.lineCap = context.lineJoin = "round";
    for (const [style, width] of [[halo, 4], [colour, 1.75]]) {
      context.setLineDash(width < 4 ? dashes : []);
      context.strokeStyle = style;
      context.lineWidth = width;
      context.stroke(path);
    } // prettier-ignore
    context.setLineDash([]);
  }
}
