// Pulses of random tenants and amounts on NATS, known one by one.

import { expect } from '@jest/globals';
import type { createSimRandom } from '@pulses/testing-sim';
import { pulseLine, type NatsLink } from '@pulses/testing-system';
import { checkNatsOutputs } from './nats-check';

export interface NatsLoadOptions {
  readonly random: ReturnType<typeof createSimRandom>;
  readonly tenants: number;
  /** As the server allows. */
  readonly batchMessagesMax?: number;
}

export class NatsLoad {
  readonly #random: NatsLoadOptions['random'];
  readonly #tenants: number;
  readonly #batchMessagesMax: number;
  readonly #published: string[] = [];
  /** The server may have stored them. */
  #unanswered: readonly string[] = [];
  /** Sequence of the last pulse that is stored. */
  lastSequence = 0;

  constructor({ random, tenants, batchMessagesMax = 1_000 }: NatsLoadOptions) {
    this.#random = random;
    this.#tenants = tenants;
    this.#batchMessagesMax = batchMessagesMax;
  }

  /** Stores pulses. @throws Error when the server refuses them, or does not answer */
  async publish(link: NatsLink, count: number): Promise<void> {
    for (let left = count; left > 0; left -= this.#batchMessagesMax)
      await this.#publishBatch(link, Math.min(left, this.#batchMessagesMax));
  }

  async #publishBatch(link: NatsLink, count: number): Promise<void> {
    const lines = Array.from({ length: count }, () => {
      const tenant = `t.${Math.floor(this.#random.fraction() * this.#tenants)}`;
      const amount = (this.#random.fraction() * 10 - 1).toFixed(6);
      return pulseLine({ tenant, sku: 'a', unit: 'GiB', amount });
    });
    this.#unanswered = lines;
    this.lastSequence = await link.publish(lines);
    this.#published.push(...lines);
    this.#unanswered = [];
  }

  /** Stores pulses until the server takes no more of them. */
  async fill(link: NatsLink, count: number): Promise<void> {
    for (;;) {
      try {
        await this.publish(link, count);
      } catch {
        return;
      }
    }
  }

  /** Settles, once the server works again, whether it has stored what it did not answer. */
  async settle(link: NatsLink): Promise<void> {
    const { length } = await link.sourceMessages();
    if (length > this.#published.length) this.#published.push(...this.#unanswered);
    this.#unanswered = [];
  }

  /** A random place among the last pulses. */
  within(count: number): number {
    return this.lastSequence - Math.floor(this.#random.fraction() * count);
  }

  /** Waits until every window is stored. The source then holds what was published, and the outputs are of the source. */
  async check(link: NatsLink): Promise<void> {
    const source = await checkNatsOutputs(link);
    expect(source).toHaveLength(this.#published.length);
    expect(source.findIndex((line, index) => line !== this.#published[index])).toBe(-1);
  }
}
