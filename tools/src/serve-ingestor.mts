// Serves an ingestor for development: node tools/src/serve-ingestor.mts [flags of the ingestor]
//
// Starts a broker in a process of its own when none answers at the broker address, then the ingestor. Ends with the
// ingestor's exit code, or with the broker's when that could not start. Every broker setting comes from its environment
// variable (PULSES_DATA_DIR, …); its HTTP port, whose variable the ingestor shares, from PULSES_BROKER_HTTP_PORT.
//
// Guarantees: both end when this process ends, also when it is killed, since their channel to it closes. The ingestor is
// ended first; on a terminal Nx signals all of them at once, which loses nothing, but is logged with more words.

import { fork, type ChildProcess } from 'node:child_process';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const POLL_MS = 50;
const ANSWER_MS_MAX = 1_000;
const APPS = join(dirname(fileURLToPath(import.meta.url)), '../../dist/apps');

const flags = process.argv.slice(2);
const { values } = parseArgs({
  args: flags,
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
  return typeof value === 'string' ? value : (process.env[`PULSES_${flag.toUpperCase()}`] ?? fallback);
};
const host = given('host', '127.0.0.1');
const port = given('port', '9000');

let stopping = false;
const children: ChildProcess[] = [];

function start(
  app: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): { child: ChildProcess; exited: Promise<number> } {
  const child = fork(join(APPS, app, 'main.js'), args, {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env,
    // A group of its own: Ctrl-C reaches this process alone, which ends the children in order.
    detached: true,
  });
  children.push(child);
  const exited = new Promise<number>((resolve) => {
    child.once('exit', (code) => {
      resolve(code ?? 1);
    });
  });
  return { child, exited };
}

function brokerAnswers(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port) });
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

/** A broker on this machine, for a port that makes sense; the ingestor says what is wrong with any other. */
async function needsBroker(): Promise<boolean> {
  const isLocal = host === 'localhost' || host === '::1' || host.startsWith('127.');
  const isPort = /^\d+$/.test(port) && Number(port) > 0 && Number(port) <= 65_535;
  const asksOnly = values.help === true || values.version === true;
  return isLocal && isPort && !asksOnly && given('connector', 'fs') === 'fs' && !(await brokerAnswers());
}

async function startBroker(): Promise<{ child: ChildProcess; exited: Promise<number> }> {
  const { PULSES_HTTP_PORT: _ingestorsPort, PULSES_BROKER_HTTP_PORT: httpPort, ...env } = process.env;
  const broker = start(
    'broker',
    [`--host=${host}`, `--port=${port}`, ...(httpPort === undefined ? [] : [`--http-port=${httpPort}`])],
    env,
  );
  const failed = broker.exited.then((code) => {
    if (!stopping) process.exit(code);
    return true;
  });
  for (;;) {
    if (await Promise.race([brokerAnswers(), failed])) return broker;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

let signals = 0;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    stopping = true;
    signals += 1;
    // The newest child first; each gets its own signal, and a second one at a second Ctrl-C.
    const child = children.findLast(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
    if (child === undefined) process.exit(0);
    child.kill(signals === 1 ? 'SIGTERM' : signal);
  });

const broker = (await needsBroker()) ? await startBroker() : undefined;
let code = 0;
if (!stopping) code = await start('ingestor', flags, process.env).exited;
stopping = true;
if (broker !== undefined && broker.child.exitCode === null) {
  broker.child.kill('SIGTERM');
  await broker.exited;
}
process.exit(code);
