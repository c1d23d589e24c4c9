// A cluster over connections of @platformatic/kafka: who leads what, and asking again.

import { apiVersionsV3, findCoordinatorV4 } from '@platformatic/kafka';
import { backoffMs, delay } from '@pulses/shared-async';
import { PulsesError } from '@pulses/shared-errors';
import type { Clock, Random } from '@pulses/shared-ports';
import { nameMissingRight, type Asker } from '../security/rights';
import type { Ask, Cluster, CoordinatorKind, RequestOptions } from './cluster';
import { asPulsesError, isLost, KAFKA_ERROR, nextStep, throwOn } from './errors';
import { Lanes, type BrokerAddress, type LanesOptions } from './lanes';
import { unlessAborted } from './unless-aborted';
import { metadataOf, type ClusterMetadata } from './metadata-request';
import type { KafkaTopic } from './topic-metadata';

export interface BrokerClusterOptions extends LanesOptions {
  /** For the commands in messages about missing rights. */
  readonly asker: Asker;
  /** Where to ask first; one that answers is enough. */
  readonly bootstrap: readonly BrokerAddress[];
  readonly clock: Clock;
  readonly random: Random;
}

const RETRY_MS_MAX = 8_000;
const BACKOFF = { delayMsMin: 10, delayMsMax: 250 };
/** The caller asks again. */
const ONCE: RequestOptions = { retryMsMax: 0 };
const KEY_TYPE: Readonly<Record<CoordinatorKind, number>> = { group: 0, transaction: 1 };
const SOFTWARE = ['pulses', '1'] as const;

/** Answers where a request goes now. `isAgain`: what was remembered is wrong. */
type Route = (isAgain: boolean) => Promise<BrokerAddress>;

export class BrokerCluster implements Cluster {
  readonly #options: BrokerClusterOptions;
  readonly #lanes: Lanes;
  readonly #closing = new AbortController();
  readonly #topics = new Map<string, KafkaTopic>();
  readonly #coordinators = new Map<string, BrokerAddress>();
  #brokers: ReadonlyMap<number, BrokerAddress> = new Map();
  #controller = -1;

  constructor(options: BrokerClusterOptions) {
    this.#options = options;
    this.#lanes = new Lanes(options);
  }

  toAny<Answer>(ask: Ask<Answer>, options?: RequestOptions): Promise<Answer> {
    let turn = 0;
    const known = [...this.#brokers.values(), ...this.#options.bootstrap];
    const route = () => {
      turn += 1;
      return Promise.resolve(known[(turn - 1) % known.length]!); // one is given
    };
    // Each of them may be the one that answers.
    return this.#request(route, ask, options, known.length);
  }

  async toEvery<Answer>(ask: Ask<Answer>, options?: RequestOptions): Promise<readonly Answer[]> {
    const { brokers } = await this.#refresh(undefined, options);
    return await Promise.all(
      [...brokers.values()].map((address) => this.#request(() => Promise.resolve(address), ask, options)),
    );
  }

  toController<Answer>(ask: Ask<Answer>, options?: RequestOptions): Promise<Answer> {
    const route = async (isAgain: boolean) => {
      if (isAgain || this.#controller < 0) await this.#refresh(undefined, ONCE);
      return this.#addressOf(this.#controller, 'the controller');
    };
    return this.#request(route, ask, options);
  }

  toLeader<Answer>(topic: string, partition: number, ask: Ask<Answer>, options?: RequestOptions): Promise<Answer> {
    const route = async (isAgain: boolean) =>
      this.#addressOf(await this.#leader(topic, partition, isAgain), `the leader of ${topic}/${partition}`);
    return this.#request(route, ask, options);
  }

  async leader(topic: string, partition: number, isAgain: boolean): Promise<number> {
    return await this.#leader(topic, partition, isAgain).catch((error: unknown) => {
      throw asPulsesError(error);
    });
  }

  async #leader(topic: string, partition: number, isAgain: boolean): Promise<number> {
    const known = () => this.#topics.get(topic)?.partitions[partition]?.leader;
    // Partitions may be added at any time.
    if (isAgain || known() === undefined) await this.#refresh(topic, ONCE);
    const leader = known();
    if (leader === undefined) throwOn(KAFKA_ERROR.UNKNOWN_TOPIC_OR_PARTITION, `${topic}/${partition}`);
    return leader ?? -1;
  }

  async toCoordinator<Answer>(
    kind: CoordinatorKind,
    key: string,
    ask: Ask<Answer>,
    options?: RequestOptions,
  ): Promise<Answer> {
    const name = `${kind}/${key}`;
    const route = async (isAgain: boolean) => {
      const known = this.#coordinators.get(name);
      if (known !== undefined && !isAgain) return known;
      this.#coordinators.delete(name);
      const found = await this.toAny(coordinatorOf(kind, key), ONCE);
      this.#coordinators.set(name, found);
      return found;
    };
    try {
      return await this.#request(route, ask, options);
    } catch (error) {
      throw nameMissingRight(error, this.#options.asker, kind, key);
    }
  }

  async topic(name: string): Promise<KafkaTopic | undefined> {
    return (await this.#refresh(name)).topic;
  }

  async featureLevel(name: string): Promise<number> {
    const answer = await this.toAny((connection) => apiVersionsV3.api.async(connection, ...SOFTWARE));
    return answer.finalizedFeatures?.find((feature) => feature.name === name)?.maxVersionLevel ?? 0;
  }

  async close(): Promise<void> {
    this.#closing.abort(new PulsesError('CONNECTION_LOST', 'the connection was closed'));
    await this.#lanes.close();
  }

  async #refresh(topic: string | undefined, options?: RequestOptions): Promise<ClusterMetadata> {
    const metadata = await this.toAny(metadataOf(topic), options);
    this.#brokers = metadata.brokers;
    this.#controller = metadata.controller;
    if (topic !== undefined)
      if (metadata.topic === undefined) this.#topics.delete(topic);
      else this.#topics.set(topic, metadata.topic);
    return metadata;
  }

  #addressOf(node: number, what: string): BrokerAddress {
    const address = this.#brokers.get(node);
    if (address === undefined) throwOn(KAFKA_ERROR.LEADER_NOT_AVAILABLE, what);
    return address!; // thrown else
  }

  /** @param freeTurns number of failures after which the next attempt comes at once */
  async #request<Answer>(
    route: Route,
    ask: Ask<Answer>,
    { lane = 'control', signal, retryMsMax = RETRY_MS_MAX, repeatsLost = true }: RequestOptions = {},
    freeTurns = 1,
  ): Promise<Answer> {
    const { clock, random } = this.#options;
    const ends = AbortSignal.any([this.#closing.signal, ...(signal === undefined ? [] : [signal])]);
    const deadlineMs = clock.monotonicMs() + retryMsMax;
    let isAgain = false;
    for (let attempt = 1; ; attempt += 1) {
      ends.throwIfAborted();
      try {
        const address = await route(isAgain);
        const connection = await this.#lanes.connection(lane, address);
        return await unlessAborted(ask(connection), ends);
      } catch (error) {
        ends.throwIfAborted();
        const next = nextStep(error);
        if (next === 'none' || (!repeatsLost && isLost(error))) throw asPulsesError(error);
        isAgain = next === 'elsewhere';
        if (attempt >= freeTurns) {
          const waitMs = backoffMs(attempt - freeTurns + 1, { random, ...BACKOFF });
          if (clock.monotonicMs() + waitMs >= deadlineMs) throw asPulsesError(error);
          await delay(waitMs, clock, ends);
        }
      }
    }
  }
}

/** FindCoordinator. */
function coordinatorOf(kind: CoordinatorKind, key: string): Ask<BrokerAddress> {
  return async (connection) => {
    const { coordinators } = await findCoordinatorV4.api.async(connection, KEY_TYPE[kind], [key]);
    const [found] = coordinators;
    throwOn(found?.errorCode ?? KAFKA_ERROR.COORDINATOR_NOT_AVAILABLE, `the coordinator of the ${kind} ${key}`);
    return { host: found!.host, port: found!.port }; // thrown else
  };
}
