// Files for the person: the service's own bytes, under a name that tells where they come from.

const ENDINGS = {
  "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/tiff": "tif", "image/bmp": "bmp",
  "image/heic": "heic", "image/heif": "heic",
}; // prettier-ignore

export function stemOf(name) {
  return name.replace(/\.[^.]*$/, "") || "picture";
}

/** @param {Blob} blob the completed picture as it came @param {string} original name of the file that was opened */
export function saveResult(blob, original) {
  save(blob, `${stemOf(original)}-completed.${ENDINGS[blob.type] ?? "bin"}`);
}

export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
