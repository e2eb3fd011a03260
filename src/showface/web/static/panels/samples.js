// Generated faces of no real person, to try at once.

import * as service from "../api/service.js";
import { tellError } from "./notices.js";

/** @param {(file: File) => void} open */
export async function showSamples(open) {
  const list = document.querySelector("#samples");
  try {
    const samples = await service.samples();
    list.replaceChildren(...samples.map((sample, index) => itemOf(sample, index, open)));
  } catch (error) {
    list.closest("section").hidden = true;
    if (error.kind === "lost" || error.kind === "token") tellError(error, () => location.reload());
  }
}

function itemOf(sample, index, open) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  const image = document.createElement("img");
  button.type = "button";
  button.setAttribute("aria-label", `Sample ${index + 1}`);
  image.alt = "";
  image.width = image.height = 128;
  button.append(image);
  item.append(button);
  const file = service.file(sample.image); // asked for once, shown and opened
  file.then((blob) => (image.src = URL.createObjectURL(blob)), () => item.remove());
  button.addEventListener("click", async () => {
    const blob = await file;
    open(new File([blob], `sample-${sample.name}.${blob.type.split("/")[1]}`, { type: blob.type }));
  });
  return item;
}
