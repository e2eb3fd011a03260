// The tool buttons, the brush's size, undo and redo, zoom, and what the mask covers.

import { NAMES, toggle } from "../core/parts.js";
import { say } from "./notices.js";

const $ = (selector) => document.querySelector(selector);

export function connectTools(editor) {
  const buttons = [...document.querySelectorAll("button[data-tool]")];
  for (const button of buttons) button.addEventListener("click", () => takeTool(editor, button.dataset.tool));
  editor.on("tool mode", () => {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.tool === editor.tool));
  });
}

export function takeTool(editor, tool) {
  if (editor.mode === "compare" && tool !== "hand") editor.set("mode", { mode: "edit" });
  editor.set("tool", { tool });
}

/** A slider whose steps grow with the size: 0..100 is 1 pixel to a third of the picture. */
export function connectBrush(editor) {
  const slider = $("#brush");
  const output = $("#brush-size");
  const largest = () => Math.max(40, Math.min(editor.picture.width, editor.picture.height) / 3);
  slider.addEventListener("input", () => setBrush(editor, largest() ** (slider.value / 100)));
  editor.on("tool", () => {
    if (!editor.picture) return;
    slider.value = Math.round((100 * Math.log(editor.brush)) / Math.log(largest()));
    output.textContent = `${editor.brush} px`;
    slider.setAttribute("aria-valuetext", `${editor.brush} pixels`);
  });
}

export function setBrush(editor, size) {
  editor.set("tool", { brushChosen: true, brush: Math.max(1, Math.min(2000, Math.round(size))) });
}

export function connectHistory(editor) {
  const move = (way) => {
    const step = editor[way]();
    if (step) say(`${way === "undo" ? "Undone" : "Redone"}: ${step.what}.`);
  };
  for (const way of ["undo", "redo"]) $(`#${way}`).addEventListener("click", () => move(way));
  editor.on("mask picture", () => {
    $("#undo").disabled = !editor.history.done.length;
    $("#redo").disabled = !editor.history.undone.length;
  });
  return move;
}

export function connectZoom(editor, stage) {
  const level = $("#zoom-level");
  const zoom = {
    in: () => stage.look((viewport) => viewport.zoom(1.4)),
    out: () => stage.look((viewport) => viewport.zoom(1 / 1.4)),
    fit: () => stage.look((viewport) => viewport.fit()),
    actual: () => stage.look((viewport) => viewport.zoom(1 / viewport.scale)),
  };
  for (const name of Object.keys(zoom)) $(`#zoom-${name}`)?.addEventListener("click", zoom[name]);
  level.addEventListener("click", zoom.actual);
  editor.on("view", () => {
    const percent = `${Math.round(stage.viewport.scale * 100)} %`;
    level.textContent = percent;
    level.setAttribute("aria-label", `Zoom ${percent}; show at 100 %`);
  });
  return zoom;
}

/** A button for every part that some face has; pressed when all of it is marked. */
export function connectParts(editor) {
  const list = $("#parts");
  const empty = $("#parts-empty");
  $("#mark-face").addEventListener("click", () => {
    takeTool(editor, "face");
    say("Draw a box round the face, from brow to chin.");
  });
  editor.on("parts", () => {
    const names = Object.keys(NAMES).filter((name) => editor.parts.some((part) => part.name === name));
    list.replaceChildren(...names.map((name) => partButton(editor, name)));
    empty.hidden = names.length > 0;
    empty.textContent = editor.lookingForParts ? "Looking for faces…" : "No part of a face was found.";
    press();
  });
  const press = () => {
    for (const button of list.querySelectorAll("button")) {
      const parts = editor.parts.filter((part) => part.name === button.dataset.part);
      button.setAttribute("aria-pressed", String(parts.every((part) => part.isWithin(editor.mask))));
    }
  };
  let waiting = null; // a stroke changes the mask many times a second
  editor.on("mask", () => {
    waiting ??= setTimeout(() => {
      waiting = null;
      press();
    }, 120);
  });
}

function partButton(editor, name) {
  const button = document.createElement("button");
  const parts = editor.parts.filter((part) => part.name === name);
  Object.assign(button, { type: "button", textContent: NAMES[name], className: "chip" });
  button.dataset.part = name;
  const show = (hovered) => editor.mode === "edit" && editor.set("hover", { hovered });
  button.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && show(parts));
  button.addEventListener("focus", () => button.matches(":focus-visible") && show(parts));
  for (const event of ["pointerleave", "blur"]) button.addEventListener(event, () => show([]));
  button.addEventListener("click", () => {
    const added = toggle(editor, parts);
    say(`${NAMES[name]} ${added ? "marked" : "unmarked"}.`);
  });
  const item = document.createElement("li");
  item.append(button);
  return item;
}
