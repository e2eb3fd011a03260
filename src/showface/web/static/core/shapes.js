// What a stroke, a rectangle and a lasso cover. A pixel counts if its centre lies inside; nothing is antialiased, so
// that what is seen is exactly what is filled in. Points are {x, y} in pixels; every function returns what it touched.

import { clipped } from "./mask.js";

/** All pixels within `radius` of the way from `a` to `b`. */
export function stroke(mask, a, b, radius, value) {
  const rect = clipped(mask, {
    left: Math.min(a.x, b.x) - radius,
    top: Math.min(a.y, b.y) - radius,
    right: Math.max(a.x, b.x) + radius,
    bottom: Math.max(a.y, b.y) + radius,
  });
  if (!rect) return null;
  const sides = sidesOf(a, b, radius);
  for (let y = rect.top; y < rect.bottom; y++) {
    const span = [Infinity, -Infinity];
    discSpan(a, radius, y + 0.5, span);
    discSpan(b, radius, y + 0.5, span);
    for (const [from, to] of sides) edgeSpan(from, to, y + 0.5, span);
    if (span[0] <= span[1]) mask.fillRow(y, Math.ceil(span[0] - 0.5), Math.floor(span[1] - 0.5) + 1, value);
  }
  return rect;
}

/** The rectangle between two opposite corners. */
export function rectangle(mask, a, b, value) {
  const rect = clipped(mask, {
    left: Math.round(Math.min(a.x, b.x)),
    top: Math.round(Math.min(a.y, b.y)),
    right: Math.round(Math.max(a.x, b.x)),
    bottom: Math.round(Math.max(a.y, b.y)),
  });
  if (!rect) return null;
  for (let y = rect.top; y < rect.bottom; y++) mask.fillRow(y, rect.left, rect.right, value);
  return rect;
}

/** The inside of a closed line, also where it crosses itself (non-zero winding). */
export function polygon(mask, points, value) {
  if (points.length < 3) return null;
  const xs = points.map((point) => point.x);
  const ys = points.map((point) => point.y);
  const extent = (values, pick) => values.reduce((best, now) => pick(best, now));
  const rect = clipped(mask, {
    left: extent(xs, Math.min),
    top: extent(ys, Math.min),
    right: extent(xs, Math.max),
    bottom: extent(ys, Math.max),
  });
  if (!rect) return null;
  crossings(points, rect).forEach((row, index) => fillWinding(mask, rect.top + index, row, value));
  return rect;
}

/** The two long sides of a stroke's band. */
function sidesOf(a, b, radius) {
  const length = Math.hypot(b.x - a.x, b.y - a.y);
  if (!length) return [];
  const nx = (-(b.y - a.y) / length) * radius;
  const ny = ((b.x - a.x) / length) * radius;
  return [1, -1].map((sign) => [
    { x: a.x + sign * nx, y: a.y + sign * ny },
    { x: b.x + sign * nx, y: b.y + sign * ny },
  ]);
}

/** Widens `span` by where a disc meets the height y. */
function discSpan(centre, radius, y, span) {
  const away = y - centre.y;
  if (Math.abs(away) > radius) return;
  const half = Math.sqrt(radius * radius - away * away);
  span[0] = Math.min(span[0], centre.x - half);
  span[1] = Math.max(span[1], centre.x + half);
}

/** Widens `span` by where a line meets the height y. */
function edgeSpan(from, to, y, span) {
  if ((from.y - y) * (to.y - y) > 0 || from.y === to.y) return;
  const x = from.x + ((y - from.y) / (to.y - from.y)) * (to.x - from.x);
  span[0] = Math.min(span[0], x);
  span[1] = Math.max(span[1], x);
}

/** For every row of `rect`, where the closed line crosses the middle of its pixels, and downwards (1) or upwards (-1). */
function crossings(points, rect) {
  const rows = Array.from({ length: rect.bottom - rect.top }, () => []);
  points.forEach((from, index) => {
    const to = points[(index + 1) % points.length];
    const [high, low] = from.y <= to.y ? [from, to] : [to, from];
    const first = Math.max(rect.top, Math.ceil(high.y - 0.5));
    const last = Math.min(rect.bottom - 1, Math.ceil(low.y - 0.5) - 1);
    for (let y = first; y <= last; y++) {
      const x = high.x + ((y + 0.5 - high.y) / (low.y - high.y)) * (low.x - high.x);
      rows[y - rect.top].push({ x, turn: high === from ? 1 : -1 });
    }
  });
  return rows;
}

function fillWinding(mask, y, row, value) {
  row.sort((one, other) => one.x - other.x);
  let winding = 0;
  row.forEach(({ x, turn }, index) => {
    winding += turn;
    if (winding) mask.fillRow(y, Math.ceil(x - 0.5), Math.ceil(row[index + 1].x - 0.5), value);
  });
}
