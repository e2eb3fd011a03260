// Undo and redo of a mask. A step is what changed, as runs: applying it once more takes it back.

const MOST_STEPS = 200;

/** What differs between two masks of one size within `rect`, as alternating runs of equal and changed pixels. */
export function difference(before, after, rect) {
  const runs = [];
  let changed = 0;
  let length = 0;
  for (let y = rect.top; y < rect.bottom; y++) {
    for (let i = y * before.width + rect.left; i < y * before.width + rect.right; i++) {
      const now = before.data[i] ^ after.data[i];
      if (now === changed) {
        length++;
      } else {
        runs.push(length);
        changed = now;
        length = 1;
      }
    }
  }
  runs.push(length);
  return { rect, runs: Uint32Array.from(runs), changes: runs.length > 1 };
}

/** Exchanges hole and rest wherever `step` says that something changed. */
export function exchange(mask, { rect, runs }) {
  const columns = rect.right - rect.left;
  let place = 0;
  runs.forEach((length, index) => {
    if (index % 2) {
      for (let i = place; i < place + length; i++) {
        const at = (rect.top + Math.floor(i / columns)) * mask.width + rect.left + (i % columns);
        mask.data[at] ^= 1;
      }
    }
    place += length;
  });
}

export class History {
  constructor() {
    this.clear();
  }

  clear() {
    this.done = [];
    this.undone = [];
  }

  /** Notes a change that was made; says whether anything differed. @param {string} what for people: "brush stroke" */
  record(what, before, after, rect) {
    const step = difference(before, after, rect);
    if (!step.changes) return false;
    this.done.push({ what, ...step });
    if (this.done.length > MOST_STEPS) this.done.shift();
    this.undone = [];
    return true;
  }

  /** Takes the last step back; returns it, or null. */
  undo(mask) {
    return this.#move(mask, this.done, this.undone);
  }

  redo(mask) {
    return this.#move(mask, this.undone, this.done);
  }

  #move(mask, from, to) {
    const step = from.pop();
    if (!step) return null;
    exchange(mask, step);
    to.push(step);
    return step;
  }
}
