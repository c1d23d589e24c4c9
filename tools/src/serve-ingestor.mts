// Serves an ingestor for development: node tools/src/serve-ingestor.mts [--watch] [flags of the ingestor]
//
// Starts a broker in a process of its own when none answers at the broker address, then the ingestor. Ends with the
// ingestor's exit code, or with the broker's when that could not start. Every broker setting comes from its environment
// variable (PULSES_DATA_DIR, …); its HTTP port, whose variable the ingestor shares, from PULSES_BROKER_HTTP_PORT.
// With --watch, a change of a source rebuilds the bundles and restarts what has changed; an ingestor that fails then waits
// for the next change.
//
// Guarantees: both end when this process ends, also when it is killed. The ingestor is ended first. On a terminal Nx signals
// all of them at once, which loses nothing.

import { BrokerAddress } from './serve/broker-address.mts';
import { LaunchedApp } from './serve/launched-app.mts';
import { SourceWatch } from './serve/source-watch.mts';

/** The ingestor starts the stub generator from its bundle; the CLI is built for `npx pulses`. */
const INGESTOR_BUNDLES = ['ingestor', 'stub-generator'];
const WATCHED = ['broker', ...INGESTOR_BUNDLES, 'cli'];

class Launcher {
  readonly #flags: readonly string[];
  readonly #address: BrokerAddress;
  readonly #isWatching: boolean;
  #broker: LaunchedApp | undefined;
  #ingestor: LaunchedApp | undefined;
  #signals = 0;
  /** Bundles that changed and whose apps have not been restarted yet. */
  #changed = new Set<string>();
  #wake: (() => void) | undefined;

  constructor(flags: readonly string[], isWatching: boolean) {
    this.#flags = flags;
    this.#isWatching = isWatching;
    this.#address = new BrokerAddress(flags, process.env);
  }

  /** Runs until the ingestor ends for good; resolves to the exit code. */
  async run(): Promise<number> {
    for (;;) {
      if (this.#broker === undefined && (await this.#address.needsBroker())) await this.#startBroker();
      if (this.#isStopping) break;
      this.#ingestor = new LaunchedApp('ingestor', this.#flags, process.env);
      const code = await this.#ingestor.exited;
      if (this.#isStopping || !this.#isWatching || (code === 0 && this.#changed.size === 0)) return this.#end(code);
      if (this.#changed.size === 0) await this.#nextChange(code);
      if (this.#changed.has('broker')) await this.#stopBroker();
      this.#changed.clear();
    }
    return this.#end(0);
  }

  restart(changed: ReadonlySet<string>): void {
    console.error(`rebuilt: ${[...changed].join(', ')}`);
    const isBrokerOurs = changed.has('broker') && this.#broker !== undefined;
    if (!isBrokerOurs && !INGESTOR_BUNDLES.some((app) => changed.has(app))) return;
    for (const app of changed) this.#changed.add(app);
    if (this.#ingestor?.isRunning) this.#ingestor.kill('SIGTERM');
    this.#wake?.();
  }

  /** Ends the newest child first; each gets its own signal, and a second one at a second Ctrl-C. */
  stop(signal: NodeJS.Signals): void {
    this.#signals += 1;
    const child = [this.#ingestor, this.#broker].find((app) => app?.isRunning);
    if (child === undefined) process.exit(0);
    child.kill(this.#signals === 1 ? 'SIGTERM' : signal);
    this.#wake?.();
  }

  get #isStopping(): boolean {
    return this.#signals > 0;
  }

  async #startBroker(): Promise<void> {
    const { PULSES_HTTP_PORT: _ingestorsPort, PULSES_BROKER_HTTP_PORT: httpPort, ...env } = process.env;
    const { host, port } = this.#address;
    const flags = [`--host=${host}`, `--port=${port}`, ...(httpPort === undefined ? [] : [`--http-port=${httpPort}`])];
    const broker = new LaunchedApp('broker', flags, env);
    this.#broker = broker;
    const ended = new AbortController();
    void broker.exited.then((code) => {
      ended.abort();
      if (this.#broker !== broker || this.#isStopping) return;
      console.error(`the broker ended with ${code}; the ingestor ends as well`);
      process.exit(code);
    });
    await this.#address.untilAnswered(ended.signal);
  }

  async #stopBroker(): Promise<void> {
    const broker = this.#broker;
    this.#broker = undefined;
    await broker?.stop();
  }

  async #nextChange(code: number): Promise<void> {
    console.error(`the ingestor ended with ${code}; it starts again after the next change`);
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }

  async #end(code: number): Promise<number> {
    await this.#stopBroker();
    return code;
  }
}

const args = process.argv.slice(2);
const isWatching = args.includes('--watch');
const launcher = new Launcher(
  args.filter((arg) => arg !== '--watch'),
  isWatching,
);
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    launcher.stop(signal);
  });
const watch = isWatching
  ? new SourceWatch(WATCHED, (changed) => {
      launcher.restart(changed);
    })
  : undefined;
const code = await launcher.run();
watch?.close();
process.exit(code);
