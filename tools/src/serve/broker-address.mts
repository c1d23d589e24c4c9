// Whether the launcher has to start a broker for an ingestor with these flags.

import { connect } from 'node:net';
import { parseArgs } from 'node:util';

const POLL_MS = 50;
const ANSWER_MS_MAX = 1_000;

export class BrokerAddress {
  readonly host: string;
  readonly port: string;
  readonly #isUsed: boolean;

  /** Reads the ingestor's flags as far as they say which broker it uses. */
  constructor(flags: readonly string[], env: NodeJS.ProcessEnv) {
    const { values } = parseArgs({
      args: [...flags],
      options: {
        host: { type: 'string' },
        port: { type: 'string' },
        connector: { type: 'string' },
        help: { type: 'boolean' },
        version: { type: 'boolean' },
      },
      strict: false,
    });
    const given = (flag: 'host' | 'port' | 'connector', fallback: string) => {
      const value = values[flag];
      return typeof value === 'string' ? value : (env[`PULSES_${flag.toUpperCase()}`] ?? fallback);
    };
    this.host = given('host', '127.0.0.1');
    this.port = given('port', '9000');
    const asksOnly = values.help === true || values.version === true;
    this.#isUsed = !asksOnly && given('connector', 'fs') === 'fs';
  }

  /** True for a valid address on this machine where no broker answers; the ingestor reports any other fault. */
  async needsBroker(): Promise<boolean> {
    const isLocal = this.host === 'localhost' || this.host === '::1' || this.host.startsWith('127.');
    const isPort = /^\d+$/.test(this.port) && Number(this.port) > 0 && Number(this.port) <= 65_535;
    return this.#isUsed && isLocal && isPort && !(await this.#answers());
  }

  /** Resolves once a broker answers. */
  async untilAnswered(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !(await this.#answers())) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }

  #answers(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect({ host: this.host, port: Number(this.port) });
      const settle = (answered: boolean) => {
        socket.destroy();
        resolve(answered);
      };
      socket.setTimeout(ANSWER_MS_MAX, () => {
        settle(false);
      });
      socket.once('connect', () => {
        settle(true);
      });
      socket.once('error', () => {
        settle(false);
      });
    });
  }
}
