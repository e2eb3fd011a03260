// The hole of a picture: one byte a pixel, 1 = fill in; row by row, in the upright picture's own pixels.

/** A rectangle of pixels; right and bottom are exclusive. @typedef {{left:number, top:number, right:number, bottom:number}} Rect */

export class Mask {
  /** @param {number} width @param {number} height @param {Uint8Array} [data] of width * height zeros and ones */
  constructor(width, height, data = new Uint8Array(width * height)) {
    if (data.length !== width * height) throw new RangeError(`expected ${width * height} bytes, found ${data.length}`);
    Object.assign(this, { width, height, data });
  }

  clone() {
    return new Mask(this.width, this.height, this.data.slice());
  }

  /** How many pixels are hole. */
  count() {
    let sum = 0;
    for (let i = 0; i < this.data.length; i++) sum += this.data[i];
    return sum;
  }

  isEmpty() {
    return this.data.indexOf(1) < 0;
  }

  /** The smallest rectangle that holds the whole hole, or null. @returns {Rect | null} */
  bounds() {
    const { width, data } = this;
    const first = data.indexOf(1);
    if (first < 0) return null;
    const top = Math.floor(first / width);
    const bottom = Math.floor(data.lastIndexOf(1) / width) + 1;
    let left = width;
    let right = 0;
    for (let y = top; y < bottom; y++) {
      const row = data.subarray(y * width, (y + 1) * width);
      const start = row.indexOf(1);
      if (start < 0) continue;
      left = Math.min(left, start);
      right = Math.max(right, row.lastIndexOf(1) + 1);
    }
    return { left, top, right, bottom };
  }

  /** @returns {Rect} */
  whole() {
    return { left: 0, top: 0, right: this.width, bottom: this.height };
  }

  /** Sets or clears columns from..to (exclusive) of a row, as far as they lie in the picture. */
  fillRow(y, from, to, value) {
    if (y < 0 || y >= this.height) return;
    const left = Math.max(0, from);
    const right = Math.min(this.width, to);
    if (left < right) this.data.fill(value, y * this.width + left, y * this.width + right);
  }

  /** The mask with hole and rest exchanged. */
  inverted() {
    return new Mask(this.width, this.height, this.data.map((value) => 1 - value));
  }
}

/** The part of `rect` that lies in the picture, in whole pixels; null if there is none. @returns {Rect | null} */
export function clipped(mask, rect) {
  const left = Math.max(0, Math.floor(rect.left));
  const top = Math.max(0, Math.floor(rect.top));
  const right = Math.min(mask.width, Math.ceil(rect.right));
  const bottom = Math.min(mask.height, Math.ceil(rect.bottom));
  return left < right && top < bottom ? { left, top, right, bottom } : null;
}

/** The smallest rectangle that holds both; either may be null. */
export function joined(one, other) {
  if (!one || !other) return one ?? other;
  return {
    left: Math.min(one.left, other.left),
    top: Math.min(one.top, other.top),
    right: Math.max(one.right, other.right),
    bottom: Math.max(one.bottom, other.bottom),
  };
}
