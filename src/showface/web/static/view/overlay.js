// The mask as a tinted layer over the picture, a pixel for a pixel; of very large pictures every k-th one.

const TINT = [0, 178, 210, 150]; // red, green, blue, alpha; --mask in the style sheets
const MOST_PIXELS = 8e6;

export class Overlay {
  canvas = document.createElement("canvas");

  /** A layer for a picture of this size, empty. */
  reset({ width, height }) {
    this.step = Math.max(1, Math.ceil(Math.sqrt((width * height) / MOST_PIXELS)));
    this.canvas.width = Math.ceil(width / this.step);
    this.canvas.height = Math.ceil(height / this.step);
    this.context = this.canvas.getContext("2d");
  }

  /** Brings `rect` of the layer up to date with `mask`. */
  update(mask, rect) {
    const { step } = this;
    const left = Math.max(0, Math.floor(rect.left / step));
    const top = Math.max(0, Math.floor(rect.top / step));
    const columns = Math.min(this.canvas.width, Math.ceil(rect.right / step)) - left;
    const rows = Math.min(this.canvas.height, Math.ceil(rect.bottom / step)) - top;
    if (columns <= 0 || rows <= 0) return;
    const image = this.context.createImageData(columns, rows);
    const pixels = new Uint32Array(image.data.buffer);
    const tint = new Uint32Array(new Uint8Array(TINT).buffer)[0];
    for (let y = 0; y < rows; y++) {
      const row = (y + top) * step * mask.width;
      for (let x = 0; x < columns; x++) if (mask.data[row + (x + left) * step]) pixels[y * columns + x] = tint;
    }
    this.context.putImageData(image, left, top);
  }
}

/** A part of a face as a layer of its own, to highlight it. @param {import("../core/parts.js").Part} part */
export function highlightOf(part, colour) {
  const canvas = document.createElement("canvas");
  canvas.width = part.mask.width;
  canvas.height = part.mask.height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(image.data.buffer);
  const tint = new Uint32Array(new Uint8Array(colour).buffer)[0];
  part.mask.data.forEach((value, index) => {
    if (value) pixels[index] = tint;
  });
  context.putImageData(image, 0, 0);
  return canvas;
}
