// What every box of the network made of the face, in a dialog.

import { wasCancelled } from "../api/errors.js";
import * as service from "../api/service.js";
import { NAMES_OF_VIEWS, NOTES, WHY_NOT } from "./view_names.js";
import { tellError } from "./notices.js";

const SVG = "http://www.w3.org/2000/svg";

export class Views {
  #asking = null;

  /** @param completing gives the fields of a request */
  constructor(editor, completing) {
    Object.assign(this, { editor, completing });
    this.dialog = document.querySelector("#views");
    this.body = document.querySelector("#views-body");
    document.querySelector("#show-views").addEventListener("click", () => this.show());
    this.dialog.addEventListener("close", () => this.#asking?.abort());
  }

  async show() {
    const { signal } = (this.#asking = new AbortController());
    this.body.replaceChildren(paragraph("Asking the networks…"));
    this.dialog.showModal();
    try {
      const fields = await this.completing.fields();
      const answer = await this.editor.picture.kept.use((picture) => service.explain({ picture, ...fields }, signal));
      this.body.replaceChildren(picturesOf(answer.views, notesOf(answer)), memoryOf(answer.memory));
    } catch (error) {
      if (wasCancelled(error)) return;
      this.dialog.close();
      tellError(error, () => this.show());
    }
  }
}

function paragraph(text) {
  return Object.assign(document.createElement("p"), { textContent: text });
}

/** What stands below the pictures; below one without anything taken from the other side, why. */
function notesOf({ mirror }) {
  return mirror in WHY_NOT ? { ...NOTES, other_side: `nothing: ${WHY_NOT[mirror]}` } : NOTES;
}

function picturesOf(views, notes) {
  const list = document.createElement("div");
  list.className = "views";
  for (const view of views) {
    const figure = document.createElement("figure");
    const image = document.createElement("img");
    const caption = document.createElement("figcaption");
    const title = NAMES_OF_VIEWS[view.name] ?? view.title;
    Object.assign(image, { src: `data:image/png;base64,${view.image}`, alt: title, width: 256, height: 256 });
    const name = Object.assign(document.createElement("strong"), { textContent: title });
    caption.append(name, ` ${notes[view.name] ?? ""}`);
    figure.append(image, caption);
    list.append(figure);
  }
  return list;
}

/** For every category: how much of it is hidden, and a bar for every slot of the memory. */
function memoryOf(memory) {
  const table = document.createElement("table");
  table.className = "memory";
  table.createCaption().textContent = "What each part of the face read from the memory: the share of every slot";
  const head = table.createTHead().insertRow();
  for (const title of ["Part", "Hidden", "Slots", "Largest share"]) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = title;
    head.append(cell);
  }
  const body = table.createTBody();
  for (const { category, colour, hidden, weights } of memory) {
    const row = body.insertRow();
    const name = document.createElement("th");
    name.scope = "row";
    name.append(swatch(colour), category);
    row.append(name);
    row.insertCell().textContent = `${Math.round(hidden * 100)} %`;
    row.insertCell().append(bars(weights));
    row.insertCell().textContent = `${Math.round(Math.max(0, ...weights) * 100)} %`;
  }
  return table;
}

function swatch([red, green, blue]) {
  const mark = document.createElement("span");
  mark.className = "swatch";
  mark.style.backgroundColor = `rgb(${red} ${green} ${blue})`;
  return mark;
}

function bars(weights) {
  const picture = document.createElementNS(SVG, "svg");
  const largest = Math.max(1e-9, ...weights);
  picture.setAttribute("viewBox", `0 0 ${weights.length * 6} 24`);
  picture.setAttribute("preserveAspectRatio", "xMinYMid");
  picture.setAttribute("aria-hidden", "true");
  picture.setAttribute("class", "bars");
  weights.forEach((weight, index) => {
    const bar = document.createElementNS(SVG, "rect");
    const height = Math.max(1, (24 * weight) / largest);
    const place = { x: index * 6, y: 24 - height, width: 4, height };
    for (const [name, value] of Object.entries(place)) bar.setAttribute(name, String(value));
    picture.append(bar);
  });
  return picture;
}
