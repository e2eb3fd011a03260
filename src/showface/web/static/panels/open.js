// A picture comes in: chosen, dropped, pasted or one of the samples. It is shown at once and sent to the service once.

import { wasCancelled } from "../api/errors.js";
import { KeptPicture } from "../api/kept.js";
import * as service from "../api/service.js";
import { partsOf } from "../core/parts.js";
import { clearNotices, say, tell, tellError } from "./notices.js";

export class Opening {
  #asking = new AbortController();

  constructor(editor) {
    this.editor = editor;
    this.input = document.querySelector("#file");
    this.input.addEventListener("change", () => this.#chosen());
    for (const button of document.querySelectorAll("[data-do=open]")) button.addEventListener("click", () => this.choose());
    addEventListener("paste", (event) => this.#pasted(event));
    this.#listenForDrops();
    addEventListener("pagehide", () => this.editor.picture?.kept.release());
  }

  choose() {
    this.input.click();
  }

  #chosen() {
    const [file] = this.input.files;
    this.input.value = ""; // so that the same file can be chosen again
    if (file) this.open(file);
  }

  #pasted(event) {
    const [file] = event.clipboardData?.files ?? [];
    if (!file) return;
    event.preventDefault();
    this.open(file);
  }

  #listenForDrops() {
    let depth = 0; // of elements that were entered
    const over = (change) => {
      depth = Math.max(0, depth + change);
      document.body.classList.toggle("dropping", depth > 0);
    };
    addEventListener("dragenter", () => over(1));
    addEventListener("dragleave", () => over(-1));
    addEventListener("dragover", (event) => event.preventDefault());
    addEventListener("drop", (event) => {
      event.preventDefault();
      over(-Infinity);
      const [file] = event.dataTransfer.files;
      if (file) this.open(file);
    });
  }

  /** @param {File} file */
  async open(file) {
    clearNotices();
    const asking = this.#renewed();
    const kept = new KeptPicture(file);
    this.editor.set("busy", { busy: "Opening…" });
    try {
      const [facts, drawn] = await Promise.all([kept.facts(), createImageBitmap(file).catch(() => null)]);
      const fits = drawn && drawn.width === facts.width && drawn.height === facts.height;
      const bitmap = fits ? drawn : await createImageBitmap(await service.view(facts.id, asking.signal));
      if (asking.signal.aborted) return kept.release();
      this.editor.picture?.kept.release();
      this.editor.open({ name: file.name || "picture", kept, bitmap, shownAsIs: Boolean(fits), ...sizeOf(facts) });
      say(`${file.name || "Picture"} opened, ${facts.width} by ${facts.height} pixels.`);
      this.lookForFaces();
    } catch (error) {
      if (!asking.signal.aborted) tellError(error, error.kind === "lost" || error.kind === "busy" ? () => this.open(file) : null);
    } finally {
      if (!asking.signal.aborted) this.editor.set("busy", { busy: null });
    }
  }

  /** Stops what was asked for the picture before. */
  #renewed() {
    this.#asking.abort();
    this.#asking = new AbortController();
    return this.#asking;
  }

  /** Finds faces and their parts; the editor can be used meanwhile. */
  async lookForFaces() {
    const { editor } = this;
    const { signal } = this.#asking;
    const box = editor.faceBox;
    this.editor.set("parts", { parts: [], lookingForParts: true });
    try {
      const found = box ? null : await editor.picture.kept.use((id) => service.faces(id, signal));
      const faces = box ? [{ box }] : found.faces;
      editor.set("faces", { faces });
      this.#fitBrush(faces);
      if (!faces.length) return this.#noFace(found.detector);
      const fields = { face_box: box && JSON.stringify(box) };
      const answer = await editor.picture.kept.use((picture) => service.regions({ picture, ...fields }, signal));
      editor.set("parts", { parts: await partsOf(answer) });
      say(`${faces.length === 1 ? "One face" : `${faces.length} faces`} found.`);
    } catch (error) {
      if (!wasCancelled(error)) tellError(error, () => this.lookForFaces());
    } finally {
      if (!signal.aborted) editor.set("parts", { lookingForParts: false });
    }
  }

  /** A brush that suits the smallest face, unless one was chosen already. */
  #fitBrush(faces) {
    if (this.editor.brushChosen || !faces.length) return;
    const smallest = Math.min(...faces.map(({ box: [, , width, height] }) => Math.min(width, height)));
    this.editor.set("tool", { brush: Math.max(3, Math.round(smallest / 7)) });
  }

  #noFace(detector) {
    const text = detector
      ? "No face was found. You can paint all the same, or mark where the face is."
      : "The face detector is not at hand, so no face was looked for. You can mark where the face is.";
    tell({ text, actions: [{ label: "Mark a face", run: () => this.editor.set("tool", { tool: "face" }) }] });
  }

  /** @param {number[]} box x, y, width, height */
  faceMarked(box) {
    this.editor.set("tool", { tool: "brush", faceBox: box });
    this.lookForFaces();
  }
}

function sizeOf({ width, height, format }) {
  return { width, height, format };
}
