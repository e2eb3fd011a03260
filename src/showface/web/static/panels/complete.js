// Completes what is marked: progress, cancel, waiting for a busy service, and the result.

import { wasCancelled } from "../api/errors.js";
import * as service from "../api/service.js";
import * as png from "../core/png.js";
import { saveResult } from "./download.js";
import { clearNotices, say, tell, tellError } from "./notices.js";
import { WHY_NOT } from "./view_names.js";

const MOST_TRIES = 5; // of a busy service
const SHOWN = new Set(["JPEG", "PNG", "WEBP", "BMP"]); // formats that every browser shows

const TOLD = new Set(["hidden on both sides", "turned head", "sides differ"]);

const $ = (selector) => document.querySelector(selector);

export class Completing {
  #running = null; // AbortController of the request

  constructor(editor) {
    this.editor = editor;
    $("#complete").addEventListener("click", () => this.complete());
    $("#cancel").addEventListener("click", () => this.cancel());
    $("#download").addEventListener("click", () => this.download());
    editor.on("picture", () => this.cancel());
    editor.on("busy result mask picture", () => this.#show());
    editor.on("result mask", () => this.#showResult());
  }

  cancel() {
    this.#running?.abort();
  }

  /** The fields of a request about the mask and the settings as they are now. */
  async fields() {
    const { mask, faceBox, filling } = this.editor;
    return { mask: await png.encode(mask), face_box: faceBox && JSON.stringify(faceBox), ...filling };
  }

  async complete() {
    const { editor } = this;
    if (!editor.picture || this.#running) return;
    if (editor.mask.isEmpty()) return tell({ text: "Mark first what should go: paint over it, or choose a part." });
    if (editor.isCurrent) return this.#compare();
    const { version, filling } = editor;
    await this.#while("Completing", async (signal) => {
      const answer = await this.#asked({ preview: SHOWN.has(editor.picture.format) ? null : "true" }, signal);
      const bitmap = await createImageBitmap(answer.shown);
      if (signal.aborted) return;
      editor.set("result", { result: { ...answer, bitmap, version, asked: filling } });
      $("#result").scrollIntoView({ block: "nearest" });
      if (editor.isCurrent) this.#compare(); // else somebody painted on meanwhile
      say([summaryOf(answer), ...answer.warnings].join(" "));
    }, () => this.complete()); // prettier-ignore
  }

  /** The result as a file; in another format the service makes it anew. */
  async download() {
    const { editor } = this;
    if (!editor.result) return;
    const format = $("#format").value;
    if (!format) return saveResult(editor.result.blob, editor.picture.name);
    await this.#while("Writing", async (signal) => {
      saveResult((await this.#asked({ format }, signal)).blob, editor.picture.name);
    }, () => this.download()); // prettier-ignore
  }

  /** `work(signal)` with progress, cancel and errors shown. */
  async #while(doing, work, again) {
    const running = (this.#running = new AbortController());
    const started = performance.now();
    const focused = document.activeElement;
    const tick = () => {
      $("#elapsed").textContent = this.waits ?? `${doing}… ${((performance.now() - started) / 1000).toFixed(1)} s`;
    };
    const ticking = setInterval(tick, 100);
    clearNotices();
    this.editor.set("busy", { busy: doing });
    tick();
    say(`${doing}.`);
    $("#cancel").focus();
    try {
      await work(running.signal);
    } catch (error) {
      if (wasCancelled(error)) say("Cancelled.");
      else tellError(error, again);
    } finally {
      clearInterval(ticking);
      this.#running = this.waits = null;
      const hadFocus = document.activeElement === $("#cancel") || document.activeElement === document.body;
      this.editor.set("busy", { busy: null });
      if (hadFocus) (focused?.isConnected && focused !== document.body ? focused : $("#complete")).focus();
    }
  }

  /** Asks for the completed picture; waits and asks again while the service is busy. */
  async #asked(more, signal) {
    const fields = await this.fields();
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.editor.picture.kept.use((picture) => service.inpaint({ picture, ...fields, ...more }, signal));
      } catch (error) {
        if (error.kind !== "busy" || attempt === MOST_TRIES) throw error;
        await this.#wait(error.wait, signal);
      }
    }
  }

  async #wait(seconds, signal) {
    for (let left = Math.ceil(seconds); left > 0; left--) {
      this.waits = `The service is busy. Trying again in ${left} s…`;
      await pause(1000, signal);
    }
    this.waits = null;
  }

  #compare() {
    const bounds = this.editor.mask.bounds();
    const split = bounds ? (bounds.left + bounds.right) / 2 / this.editor.mask.width : 0.5;
    this.editor.set("mode", { mode: "compare", split });
    this.editor.emit("split");
  }

  #show() {
    const { busy } = this.editor;
    const running = Boolean(this.#running);
    $("#complete").hidden = running;
    $("#progress").hidden = !running;
    $("#complete").disabled = Boolean(busy) || !this.editor.picture;
  }

  #outdated() {
    const what = this.editor.result.version === this.editor.version ? "setting" : "mask";
    return `The ${what} has changed since; complete again to update.`;
  }

  #showResult() {
    const { result, isCurrent, picture } = this.editor;
    $("#result").hidden = !result;
    if (!result) return;
    $("#summary").textContent = isCurrent ? summaryOf(result) : this.#outdated();
    $("#warnings").replaceChildren(...result.warnings.map(lineOf));
    $("#result").classList.toggle("stale", !isCurrent);
    $("#same-format").textContent = picture.format;
    $("#as-png").hidden = picture.format === "PNG";
    $("#format-note").hidden = picture.format !== "JPEG" && picture.format !== "WEBP";
    $("#download").disabled = !isCurrent;
  }
}

/** What the other side of a face was used for; or why not, where somebody might have expected it. */
function otherSideOf({ mirrored, mirror }) {
  if (mirrored > 0) {
    const percent = Math.round(mirrored * 100);
    return ` ${percent < 1 ? "Less than 1" : percent} % of that is from the other side of the face.`;
  }
  const why = mirror.find((reason) => TOLD.has(reason));
  return why ? ` Nothing is from the other side of the face: ${WHY_NOT[why]}.` : "";
}

function summaryOf({ faces, seconds, hole_share: share, outside_faces: outside, ...rest }) {
  const what = faces ? `${faces === 1 ? "One face" : `${faces} faces`} completed` : "Completed";
  const where = outside > 0 ? `, ${Math.round(outside * 100)} % of it outside faces` : "";
  return `${what} in ${seconds.toFixed(1)} s; ${(share * 100).toFixed(1)} % of the picture filled in${where}.${otherSideOf(rest)}`;
}

function lineOf(textContent) {
  return Object.assign(document.createElement("li"), { textContent });
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
