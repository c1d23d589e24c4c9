// Messages that were read and not taken yet, in order: a ring that grows.
//
// Guarantees: memory for what waits, never for what was taken, also when the queue does not run empty for hours.

const FIRST_CAPACITY = 64;
/** For the object of a message, so that empty messages count, too. */
const MESSAGE_BYTES = 128;

export class MessageQueue<Message extends { readonly body: Uint8Array }> {
  #slots: (Message | undefined)[] = Array.from({ length: FIRST_CAPACITY }, () => undefined);
  #first = 0;
  #length = 0;
  #bytes = 0;

  get length(): number {
    return this.#length;
  }

  /** Of the bodies, and a share for each message. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many messages have room. */
  get capacity(): number {
    return this.#slots.length;
  }

  /** The first one. */
  peek(): Message | undefined {
    return this.#slots[this.#first];
  }

  push(message: Message): void {
    if (this.#length === this.#slots.length) this.#grow();
    this.#slots[(this.#first + this.#length) % this.#slots.length] = message;
    this.#length += 1;
    this.#bytes += message.body.byteLength + MESSAGE_BYTES;
  }

  /** Takes the first one. */
  shift(): Message | undefined {
    const message = this.#slots[this.#first];
    if (message === undefined) return undefined;
    this.#slots[this.#first] = undefined;
    this.#first = (this.#first + 1) % this.#slots.length;
    this.#length -= 1;
    this.#bytes -= message.body.byteLength + MESSAGE_BYTES;
    return message;
  }

  clear(): void {
    this.#slots.fill(undefined);
    this.#length = 0;
    this.#bytes = 0;
  }

  #grow(): void {
    const slots = [...this.#slots.slice(this.#first), ...this.#slots.slice(0, this.#first)];
    this.#slots = [...slots, ...slots.map(() => undefined)];
    this.#first = 0;
  }
}
