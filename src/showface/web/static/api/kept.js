// The picture as the service keeps it: sent once, and only sent again if the service has forgotten it.

import * as service from "./service.js";

export class KeptPicture {
  #sent = null;

  /** @param {Blob} file */
  constructor(file) {
    this.file = file;
  }

  /** Sends the file, or waits for it to have been sent. @returns {Promise<{id, width, height, format, bytes}>} */
  facts() {
    this.#sent ??= service.upload(this.file).catch((error) => {
      this.#sent = null; // so that trying again sends again
      throw error;
    });
    return this.#sent;
  }

  /** `work(id)`; once more with a new id if the service no longer has the picture. */
  async use(work) {
    const { id } = await this.facts();
    try {
      return await work(id);
    } catch (error) {
      if (error.status !== 404) throw error;
      this.#sent = null;
      return work((await this.facts()).id);
    }
  }

  /** Lets the service forget it. */
  release() {
    this.#sent?.then(({ id }) => service.forget(id), () => {});
    this.#sent = null;
  }
}
