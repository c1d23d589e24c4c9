// The broker as the tools see it. A topic has one partition, without a number; no key is needed.

import type { ConnectorTools, LineProducer, LineProducerOptions, TopicAdmin } from '@pulses/connector-api';
import type { FsToolsOptions } from './fs-platform';
import { openFsProducer } from './fs-producer';
import { FsTopics } from './fs-topics';

export class FsTools implements ConnectorTools {
  readonly name = 'fs';
  readonly #options: FsToolsOptions;

  constructor(options: FsToolsOptions) {
    this.#options = options;
  }

  async connect(): Promise<TopicAdmin> {
    const { connect, clock, member } = this.#options;
    return new FsTopics(await connect(), clock, member);
  }

  openProducer(options: LineProducerOptions): Promise<LineProducer> {
    return openFsProducer({ ...this.#options, ...options });
  }
}
