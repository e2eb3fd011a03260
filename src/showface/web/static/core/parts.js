// The parts of the faces, as the service's parser found them: small masks that lie somewhere in the picture.

import * as png from "./png.js";
import { blobOf } from "../api/service.js";

/** Names for people; the service's own are those of `--region`. */
export const NAMES = {
  eyes: "Eyes", brows: "Brows", nose: "Nose", mouth: "Mouth", glasses: "Glasses", ears: "Ears", earrings: "Earrings",
  skin: "Skin", face: "Whole face", hair: "Hair", hat: "Hat", neck: "Neck", necklace: "Necklace", clothes: "Clothes",
}; // prettier-ignore

export class Part {
  constructor({ face, name, box: [left, top] }, mask) {
    Object.assign(this, { face, name, left, top, mask, pixels: mask.count() });
  }

  get label() {
    return NAMES[this.name] ?? this.name;
  }

  /** Whether a point of the picture lies on it. */
  covers({ x, y }) {
    const column = Math.floor(x) - this.left;
    const row = Math.floor(y) - this.top;
    if (column < 0 || row < 0 || column >= this.mask.width || row >= this.mask.height) return false;
    return this.mask.data[row * this.mask.width + column] === 1;
  }

  /** Whether all of it is hole already. */
  isWithin(mask) {
    return this.#every(mask, (index) => mask.data[index] === 1);
  }

  /** Makes all of it hole, or none of it. */
  put(mask, value) {
    this.#every(mask, (index) => {
      mask.data[index] = value;
      return true;
    });
    return { left: this.left, top: this.top, right: this.left + this.mask.width, bottom: this.top + this.mask.height };
  }

  #every(mask, test) {
    const { width, height, data } = this.mask;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        if (data[y * width + x] && !test((y + this.top) * mask.width + x + this.left)) return false;
      }
    }
    return true;
  }
}

/** @param answer of /v1/regions @returns {Promise<Part[]>} */
export function partsOf(answer) {
  return Promise.all(answer.regions.map(async (region) => new Part(region, await png.decode(blobOf(region.mask)))));
}

/** The smallest part at a point: an eye rather than the face that it is in. */
export function partAt(parts, point) {
  return parts.filter((part) => part.covers(point)).reduce((best, part) => (best && best.pixels <= part.pixels ? best : part), null);
}

/** Adds these parts to the mask; takes them away if they are all in it. @returns {boolean} whether they were added */
export function toggle(editor, parts) {
  const value = parts.every((part) => part.isWithin(editor.mask)) ? 0 : 1;
  const label = parts[0].label.toLowerCase();
  const change = editor.begin(value ? `marking ${label}` : `unmarking ${label}`);
  for (const part of parts) change.touch(part.put(editor.mask, value));
  change.end();
  return value === 1;
}
