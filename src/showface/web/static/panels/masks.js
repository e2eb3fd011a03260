// What is done to the mask as a whole: grow, shrink, invert, clear, import, export.

import { grown, shrunk } from "../core/grow.js";
import { Mask } from "../core/mask.js";
import * as png from "../core/png.js";
import { save, stemOf } from "./download.js";
import { say, tell, tellError } from "./notices.js";

const MANY = 0.6; // the share of the picture from which a mask looks inverted

export class Masks {
  constructor(editor) {
    this.editor = editor;
    this.amount = document.querySelector("#amount");
    this.input = document.querySelector("#mask-file");
    for (const name of ["grow", "shrink", "invert", "clear", "import", "export"]) {
      document.querySelector(`#mask-${name}`).addEventListener("click", () => this[name]());
    }
    this.input.addEventListener("change", () => this.#chosen());
    editor.on("picture", () => this.#opened());
    editor.on("mask", () => this.#covered());
  }

  get distance() {
    return Math.max(1, Math.min(1000, Math.round(Number(this.amount.value)) || 1));
  }

  grow() {
    this.#put("growing", grown(this.editor.mask, this.distance), `Mask grown by ${this.distance} pixels.`);
  }

  shrink() {
    this.#put("shrinking", shrunk(this.editor.mask, this.distance), `Mask shrunk by ${this.distance} pixels.`);
  }

  invert() {
    this.#put("inverting", this.editor.mask.inverted(), "Mask inverted.");
  }

  clear() {
    const { width, height } = this.editor.mask;
    this.#put("clearing", new Mask(width, height), "Mask cleared.");
  }

  #put(what, mask, words) {
    say(this.editor.replace(what, mask) ? words : "Nothing changed.");
  }

  async export() {
    save(await png.encode(this.editor.mask), `${stemOf(this.editor.picture.name)}-mask.png`);
    say("Mask exported.");
  }

  import() {
    this.input.click();
  }

  async #chosen() {
    const [file] = this.input.files;
    this.input.value = "";
    if (!file) return;
    try {
      this.take(await png.decode(file));
    } catch {
      tellError(new Error("This file is not a picture that the browser can read as a mask; use PNG."));
    }
  }

  /** Puts a mask from a file in place; of another size only when asked. */
  take(mask) {
    const { width, height } = this.editor.mask;
    if (mask.width !== width || mask.height !== height) return this.#misfit(mask);
    this.#put("importing", mask, "Mask imported.");
    if (mask.count() > MANY * width * height) this.#suspicious();
  }

  #misfit(mask) {
    const { width, height } = this.editor.mask;
    const text = `The mask has ${mask.width} × ${mask.height} pixels, the picture ${width} × ${height}.`;
    const run = () => this.take(resized(mask, width, height));
    tell({ text, kind: "error", actions: [{ label: "Resize the mask", run }] });
  }

  #suspicious() {
    const text = "This mask hides most of the picture. White is what gets filled in; perhaps it is inverted?";
    tell({ text, actions: [{ label: "Invert it", run: () => this.invert() }] });
  }

  #opened() {
    const { width, height } = this.editor.picture;
    this.amount.value = Math.max(1, Math.round(Math.min(width, height) / 128));
  }

  /** Says how much is marked; not more often than is read. */
  #covered() {
    this.waiting ??= setTimeout(() => {
      this.waiting = null;
      const share = this.editor.mask.count() / this.editor.mask.data.length;
      const percent = share > 0 && share < 0.001 ? "less than 0.1 %" : `${(100 * share).toFixed(1)} %`;
      document.querySelector("#covered").textContent = share ? `${percent} of the picture is marked` : "Nothing is marked yet";
      for (const name of ["grow", "shrink", "clear", "export"]) document.querySelector(`#mask-${name}`).disabled = !share;
    }, 120);
  }
}

/** By nearest neighbour, as `--resize-mask` does. */
function resized(mask, width, height) {
  const result = new Mask(width, height);
  for (let y = 0; y < height; y++) {
    const row = Math.floor(((y + 0.5) * mask.height) / height) * mask.width;
    for (let x = 0; x < width; x++) {
      result.data[y * width + x] = mask.data[row + Math.floor(((x + 0.5) * mask.width) / width)];
    }
  }
  return result;
}
