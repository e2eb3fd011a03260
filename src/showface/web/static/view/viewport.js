// Where the picture lies on the stage: a scale and an offset, and the ways between the two. Lengths in CSS pixels.

const MARGIN = 16; // round a picture that is fitted
const LARGEST = 40; // CSS pixels of one picture's pixel
const STAYS = 48; // CSS pixels of the picture that always stay in sight

export class Viewport {
  constructor() {
    Object.assign(this, { scale: 1, x: 0, y: 0, width: 1, height: 1, picture: { width: 1, height: 1 } });
    this.fitted = true; // stays fitted when the stage changes its size
  }

  resize(width, height) {
    const dx = (width - this.width) / 2;
    const dy = (height - this.height) / 2;
    Object.assign(this, { width, height });
    if (this.fitted) this.fit();
    else this.pan(dx, dy);
  }

  show(picture) {
    this.picture = { width: picture.width, height: picture.height };
    this.fit();
  }

  /** The scale at which the whole picture is seen. */
  get whole() {
    const room = (side) => Math.max(1, side - 2 * MARGIN);
    return Math.min(room(this.width) / this.picture.width, room(this.height) / this.picture.height, 8);
  }

  fit() {
    this.scale = this.whole;
    this.x = (this.width - this.picture.width * this.scale) / 2;
    this.y = (this.height - this.picture.height * this.scale) / 2;
    this.fitted = true;
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.fitted = false;
    this.#keepInSight();
  }

  /** Zooms by `factor`; what lies at `point` of the stage stays there. */
  zoom(factor, point = { x: this.width / 2, y: this.height / 2 }) {
    const scale = Math.min(LARGEST, Math.max(this.whole / 2, this.scale * factor));
    const ratio = scale / this.scale;
    this.x = point.x - (point.x - this.x) * ratio;
    this.y = point.y - (point.y - this.y) * ratio;
    this.scale = scale;
    this.fitted = false;
    this.#keepInSight();
  }

  toPicture(point) {
    return { x: (point.x - this.x) / this.scale, y: (point.y - this.y) / this.scale };
  }

  toStage(point) {
    return { x: point.x * this.scale + this.x, y: point.y * this.scale + this.y };
  }

  /** Moves the view so that a point of the picture is well inside the stage. */
  reveal(point) {
    const at = this.toStage(point);
    const into = (value, side) => Math.max(0, STAYS - value) - Math.max(0, value - (side - STAYS));
    const dx = into(at.x, this.width);
    const dy = into(at.y, this.height);
    if (dx || dy) this.pan(dx, dy);
  }

  #keepInSight() {
    const within = (value, length, side) => Math.min(side - STAYS, Math.max(STAYS - length, value));
    this.x = within(this.x, this.picture.width * this.scale, this.width);
    this.y = within(this.y, this.picture.height * this.scale, this.height);
  }
}
