// A mask as a PNG file, 8-bit grey, white = fill in; and a mask out of whatever picture file the browser can read.

import { Mask } from "./mask.js";

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** @param {Mask} mask @returns {Promise<Blob>} */
export async function encode(mask) {
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, mask.width);
  header.setUint32(4, mask.height);
  header.setUint8(8, 8); // bits; the rest: grey, deflate, filters per row, not interlaced
  const body = await deflated(rowsOf(mask));
  const chunks = [chunk("IHDR", new Uint8Array(header.buffer)), chunk("IDAT", body), chunk("IEND", new Uint8Array())];
  return new Blob([new Uint8Array(SIGNATURE), ...chunks], { type: "image/png" });
}

/** The rows as PNG wants them: a filter number of 0, then the pixels. */
function rowsOf({ width, height, data }) {
  const rows = new Uint8Array((width + 1) * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) rows[y * (width + 1) + 1 + x] = data[y * width + x] * 255;
  }
  return rows;
}

async function deflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function chunk(name, body) {
  const bytes = new Uint8Array(body.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, body.length);
  bytes.set(new TextEncoder().encode(name), 4);
  bytes.set(body, 8);
  view.setUint32(body.length + 8, crc(bytes.subarray(4, body.length + 8)));
  return bytes;
}

function crc(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = CRC[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

/** @param {Blob} file any picture; @returns {Promise<Mask>} of the picture's own size */
export async function decode(file) {
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return maskOf(context.getImageData(0, 0, canvas.width, canvas.height));
}

/**
 * The rule of the library (`showface.masks.binarise`): the brightest channel above half is hole; files of only 0 and 1
 * are 0/1 masks; where something is transparent and all colours are equal, what is opaque is the hole.
 * @param {ImageData} image
 */
export function maskOf({ width, height, data }) {
  let most = 0;
  let clear = false;
  let plain = true;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] < 128) clear = true;
    most = Math.max(most, data[i], data[i + 1], data[i + 2]);
    plain &&= data[i] === data[0] && data[i + 1] === data[1] && data[i + 2] === data[2];
  }
  const mask = new Mask(width, height);
  const light = most <= 1 ? 1 : 128;
  for (let i = 0; i < data.length; i += 4) {
    const opaque = data[i + 3] >= 128;
    const bright = Math.max(data[i], data[i + 1], data[i + 2]) >= light;
    mask.data[i / 4] = opaque && (bright || (plain && clear)) ? 1 : 0;
  }
  return mask;
}
