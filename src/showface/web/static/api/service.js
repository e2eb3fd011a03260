// Every request of the page; docs/service.md describes the other side. Nothing else is ever asked.

import { lost, refusal } from "./errors.js";

const token = new URLSearchParams(location.hash.slice(1)).get("token");

/** @returns {Promise<Response>} a success; everything else is thrown as a ServiceError */
async function ask(path, { json = false, fields, ...rest } = {}) {
  const headers = { Accept: json ? "application/json" : "*/*" };
  if (token) headers.Authorization = `Bearer ${token}`;
  let response;
  try {
    response = await fetch(path, { headers, cache: "no-store", ...rest, ...(fields && posted(fields)) });
  } catch (error) {
    throw error.name === "AbortError" ? error : lost();
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

/** A form of all fields that have a value. */
function posted(fields) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof Blob) body.append(name, value, `${name}.bin`); // the picture's own name stays here
    else if (value !== null && value !== undefined) body.append(name, String(value));
  }
  return { method: "POST", body };
}

async function asked(path, options) {
  return (await ask(path, { json: true, ...options })).json();
}

export const samples = (signal) => asked("/v1/samples", { signal }).then((answer) => answer.samples);
export const file = (path, signal) => ask(path, { signal }).then((response) => response.blob());

/** Sends the picture's bytes; the only time that they are sent. */
export const upload = (image, signal) => asked("/v1/pictures", { fields: { image }, signal });
export const view = (id, signal) => file(`/v1/pictures/${id}/view`, signal);
export const faces = (picture, signal) => asked("/v1/faces", { fields: { picture }, signal });
export const regions = (fields, signal) => asked("/v1/regions", { fields, signal });
export const explain = (fields, signal) => asked("/v1/explain", { fields, signal });

/** @returns the facts, with `blob` (the file, in its own format) and `shown` (what a browser can show) */
export async function inpaint(fields, signal) {
  const answer = await asked("/v1/inpaint", { fields, signal });
  const blob = blobOf(answer.image, answer.content_type);
  return { ...answer, image: null, preview: null, blob, shown: answer.preview ? blobOf(answer.preview) : blob };
}

/** The service forgets the picture; it would by itself after a while. */
export function forget(id) {
  ask(`/v1/pictures/${id}`, { method: "DELETE", keepalive: true }).catch(() => {}); // gone already, or soon
}

export function blobOf(base64, type = "image/png") {
  const text = atob(base64);
  return new Blob([Uint8Array.from(text, (letter) => letter.charCodeAt(0))], { type });
}
