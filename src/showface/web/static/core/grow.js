// The hole and every pixel at most so many pixels from it, measured between centres: what `--grow` does, and back.

import { clipped, Mask } from "./mask.js";

/** @returns {Mask} a new one; `distance` in pixels, any number from 0 */
export function grown(mask, distance) {
  const bounds = mask.bounds();
  const result = mask.clone();
  if (!bounds || distance <= 0) return result;
  const reach = Math.floor(distance);
  const rect = clipped(mask, {
    left: bounds.left - reach,
    top: bounds.top - reach,
    right: bounds.right + reach,
    bottom: bounds.bottom + reach,
  });
  const above = heights(mask, rect, reach);
  const halves = Array.from({ length: reach + 1 }, (_, away) => Math.floor(Math.sqrt(distance ** 2 - away ** 2) + 1e-9));
  const columns = rect.right - rect.left;
  for (let y = rect.top; y < rect.bottom; y++) {
    const row = above.subarray((y - rect.top) * columns, (y - rect.top + 1) * columns);
    spread(result, y, rect.left, row, halves);
  }
  return result;
}

/** The hole without every pixel that lies at most `distance` from what is not hole; the picture's rim does not count. */
export function shrunk(mask, distance) {
  return grown(mask.inverted(), distance).inverted();
}

/** How far the nearest hole pixel of the same column is, for every pixel of `rect`; above `reach` it is reach + 1. */
function heights(mask, rect, reach) {
  const columns = rect.right - rect.left;
  const rows = rect.bottom - rect.top;
  const away = new Uint16Array(columns * rows);
  const sweep = (y, before) => {
    for (let x = 0; x < columns; x++) {
      const hole = mask.data[(y + rect.top) * mask.width + x + rect.left];
      const next = before === null ? reach + 1 : Math.min(reach + 1, away[before * columns + x] + 1);
      const here = before !== null && before > y ? Math.min(away[y * columns + x], next) : next;
      away[y * columns + x] = hole ? 0 : here;
    }
  };
  for (let y = 0; y < rows; y++) sweep(y, y ? y - 1 : null);
  for (let y = rows - 2; y >= 0; y--) sweep(y, y + 1);
  return away;
}

/** Fills what the columns of one row reach sideways; `halves[height]` is how far. */
function spread(result, y, left, row, halves) {
  const turns = new Int32Array(row.length + 1); // how many columns' reach begins here, less how many's ends
  for (let x = 0; x < row.length; x++) {
    if (row[x] >= halves.length) continue;
    turns[Math.max(0, x - halves[row[x]])]++;
    turns[Math.min(row.length, x + halves[row[x]] + 1)]--;
  }
  for (let x = 0, reaching = 0; x < row.length; x++) {
    reaching += turns[x];
    if (reaching) result.data[y * result.width + left + x] = 1;
  }
}
