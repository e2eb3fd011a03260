// Puts the editor together; every module of panels/, tools/ and view/ does one thing and is described at its head.

import { Editor } from "./core/editor.js";
import { connectCompare } from "./panels/compare.js";
import { Completing } from "./panels/complete.js";
import { connectFilling } from "./panels/filling.js";
import { connectHelp } from "./panels/help.js";
import { listenForKeys, shortcutsOf } from "./panels/keyboard.js";
import { Masks } from "./panels/masks.js";
import { say } from "./panels/notices.js";
import { Opening } from "./panels/open.js";
import { showSamples } from "./panels/samples.js";
import { connectTheme } from "./panels/theme.js";
import { connectBrush, connectHistory, connectParts, connectTools, connectZoom, setBrush, takeTool } from "./panels/tools.js";
import { Views } from "./panels/views.js";
import { Toolbox } from "./tools/toolbox.js";
import { KeyboardCursor } from "./view/cursor.js";
import { Pointing } from "./view/pointer.js";
import { Stage } from "./view/stage.js";

connectTheme();
const editor = new Editor();
editor.on("picture", () => {
  const { name, width, height, format } = editor.picture;
  const goesAway = document.activeElement.closest(".start") !== null || document.activeElement === document.body;
  document.body.dataset.state = "open"; // before anything is measured
  document.querySelector("#facts").textContent = `${name} · ${width} × ${height} · ${format}`;
  document.title = `${name} – showface`;
  if (goesAway) document.querySelector("#stage").focus({ preventScroll: true });
});
editor.on("busy", () => document.body.classList.toggle("opening", editor.busy === "Opening…"));

const stage = new Stage(editor, document.querySelector("#stage"));
const opening = new Opening(editor);
const toolbox = new Toolbox(editor, stage, { say, faceMarked: (box) => opening.faceMarked(box) });
const pointing = new Pointing(editor, stage, toolbox);
new KeyboardCursor(editor, stage, toolbox, pointing, say);
const completing = new Completing(editor);
const masks = new Masks(editor);
new Views(editor, completing);
connectTools(editor);
connectBrush(editor);
connectParts(editor);
connectFilling(editor);
const move = connectHistory(editor);
const zoom = connectZoom(editor, stage);
const compare = connectCompare(editor);

/** `run` if a picture is open; else the key is left to the browser. */
const opened = (run) => () => (editor.picture ? run() : false);

const groups = shortcutsOf({
  tool: (name) => opened(() => takeTool(editor, name)),
  smaller: opened(() => setBrush(editor, Math.min(editor.brush - 1, editor.brush / 1.2))),
  larger: opened(() => setBrush(editor, Math.max(editor.brush + 1, editor.brush * 1.2))),
  undo: opened(() => move("undo")),
  redo: opened(() => move("redo")),
  grow: opened(() => masks.grow()),
  shrink: opened(() => masks.shrink()),
  invert: opened(() => masks.invert()),
  clear: opened(() => masks.clear()),
  open: () => opening.choose(),
  complete: opened(() => void completing.complete()),
  cancel: () => completing.cancel(),
  compare: opened(compare),
  download: opened(() => void completing.download()),
  zoomIn: opened(zoom.in),
  zoomOut: opened(zoom.out),
  fit: opened(zoom.fit),
  actual: opened(zoom.actual),
  help: () => help(),
});
const help = connectHelp(groups);
listenForKeys(groups);
showSamples((file) => opening.open(file));
