// What can go wrong with the service, in words for the person in front of the screen.

export class ServiceError extends Error {
  /** @param {string} kind the service's own word ("image", "busy", ...), "lost" without an answer */
  constructor(kind, message, { status = 0, wait = 0 } = {}) {
    super(message);
    Object.assign(this, { name: "ServiceError", kind, status, wait });
  }
}

/** Whether somebody pressed Cancel, or opened another picture. */
export function wasCancelled(error) {
  return error?.name === "AbortError";
}

/** An answer of the service that is not a success. @param {Response} response */
export async function refusal(response) {
  const { error = "internal", detail = "", id } = await response.json().catch(() => ({}));
  const words = WORDS[error]?.(detail, id) ?? (detail || `The service answered ${response.status}.`);
  return new ServiceError(error, words, { status: response.status, wait: waitOf(response) });
}

export function lost() {
  return new ServiceError("lost", "The service does not answer. Is “showface serve” still running?");
}

const WORDS = {
  image: (detail) => `This picture cannot be read: ${detail}`,
  mask: (detail) => `The mask does not fit: ${detail}`,
  token: () => "This service asks for a token. Open the whole address that “showface serve” printed, with #token=…",
  host: () => "The service refuses this address. Use the one that “showface serve” printed.",
  origin: () => "The service refuses this address. Use the one that “showface serve” printed.",
  too_large: (detail) => `The picture is too large: ${detail}`,
  slow: () => "That took too long, and the service gave up.",
  busy: () => "The service is busy with other pictures.",
  internal: (detail, id) => `The service failed${id ? ` (its log has it under ${id})` : ""}. Your mask is still here.`,
};

/** Seconds that the service asks to wait. */
function waitOf(response) {
  const seconds = Number(response.headers.get("Retry-After"));
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 60) : 2;
}
