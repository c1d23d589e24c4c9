// The built bundles as processes, as a user runs them.
//
// Guarantees: every process started here is tracked by its id until its end, and `stopAll` ends the rest.
// Bounds: `OUTPUT_BYTES_MAX` of output per stream.

import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
const READY_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 15_000;
const READY_POLL_MS = 25;

export type AppName = 'broker' | 'ingestor' | 'stub-generator' | 'cli';

export interface StartOptions {
  /** The bundle; `program` is the one at `mainPath`. */
  readonly app: AppName | 'program';
  readonly args?: readonly string[];
  /** Additions to a minimal environment (PATH, HOME). The process sees nothing else of the test's environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** The Node that runs it, instead of the test's own. */
  readonly nodePath?: string;
  /** The bundle to run instead of the workspace's. */
  readonly mainPath?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** Runs it in a process group of its own, which a test can signal. */
  readonly detached?: boolean;
}

export interface ExitState {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunningApp {
  readonly pid: number;
  readonly stdin: NodeJS.WritableStream;
  readonly stdout: string;
  readonly stderr: string;
  readonly exited: Promise<ExitState>;
  /** Polls `GET /readyz` until it answers 200. @throws Error with stderr when the app ends, or after 30 s */
  waitForReady(): Promise<void>;
  /** Resolves once stdout or stderr matches. */
  waitForOutput(pattern: RegExp): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Sends SIGTERM and waits; after 15 s it sends SIGKILL and throws. Does nothing after the end. */
  stop(): Promise<ExitState>;
}

const running = new Set<RunningApp>();

/** The directory with nx.json: the working directory or the nearest one above it. */
export function workspaceRoot(): string {
  let directory = process.cwd();
  while (!existsSync(join(directory, 'nx.json'))) {
    const parent = dirname(directory);
    if (parent === directory) throw new Error('no nx.json in the working directory or above');
    directory = parent;
  }
  return directory;
}

/** Path of an app's bundle. */
export function bundlePath(app: AppName): string {
  return join(workspaceRoot(), 'dist/apps', app, 'main.js');
}

/** Ends every process that still runs; call it after the tests of a file. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((app) => app.stop()));
}

export function startApp(options: StartOptions): RunningApp {
  const args = options.args ?? [];
  const child: ChildProcess = spawn(options.nodePath ?? process.execPath, [pathOf(options), ...args], {
    cwd: options.cwd,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...profilerEnv(), ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: options.detached ?? false,
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  });
  const { stdin, stdout, stderr, pid } = child;
  if (!stdin || !stdout || !stderr || pid === undefined) throw new Error(`cannot start ${options.app}`);
  stdin.on('error', () => undefined);

  const texts = { stdout: '', stderr: '' };
  let exit: ExitState | undefined;
  const listeners = new Set<() => void>();
  const notify = () => {
    for (const listener of [...listeners]) listener();
  };
  for (const [name, stream] of [
    ['stdout', stdout],
    ['stderr', stderr],
  ] as const) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      if (texts[name].length < OUTPUT_BYTES_MAX) texts[name] += text;
      notify();
    });
  }
  const exited = new Promise<ExitState>((resolve) => {
    child.once('close', (code, signal) => {
      exit = { code, signal };
      running.delete(app);
      resolve(exit);
      notify();
    });
  });
  const describeEnd = () => `${options.app} ended (${JSON.stringify(exit)}):\n${texts.stderr.slice(-4000)}`;

  const app: RunningApp = {
    pid,
    stdin,
    get stdout() {
      return texts.stdout;
    },
    get stderr() {
      return texts.stderr;
    },
    exited,
    async waitForReady() {
      const port = httpPortOf(options);
      const deadline = Date.now() + READY_TIMEOUT_MS;
      let last = 'no answer';
      while (Date.now() < deadline) {
        if (exit) throw new Error(describeEnd());
        try {
          const response = await fetch(`http://127.0.0.1:${port}/readyz`);
          if (response.ok) return;
          last = await response.text();
        } catch (error) {
          last = String(error);
        }
        await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
      }
      throw new Error(`${options.app} is not ready: ${last}\n${texts.stderr.slice(-4000)}`);
    },
    waitForOutput: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (pattern.test(texts.stdout) || pattern.test(texts.stderr)) {
            listeners.delete(look);
            resolve();
          } else if (exit) {
            listeners.delete(look);
            reject(new Error(`${String(pattern)} never came: ${describeEnd()}`));
          }
        };
        listeners.add(look);
        look();
      }),
    signal(signal) {
      child.kill(signal);
    },
    async stop() {
      if (exit) return exit;
      child.kill('SIGTERM');
      let overdue = false;
      const timer = setTimeout(() => {
        overdue = true;
        child.kill('SIGKILL');
      }, STOP_TIMEOUT_MS);
      const state = await exited;
      clearTimeout(timer);
      if (overdue) throw new Error(`${options.app} did not stop in time:\n${texts.stderr.slice(-4000)}`);
      return state;
    },
  };
  running.add(app);
  return app;
}

/** `APP_NODE_OPTIONS`, such as `--cpu-prof`, applies to every process started here but not to the starting one. */
function profilerEnv(): Readonly<Record<string, string>> {
  const nodeOptions = process.env['APP_NODE_OPTIONS'];
  return nodeOptions === undefined || nodeOptions === '' ? {} : { NODE_OPTIONS: nodeOptions };
}

function pathOf({ app, mainPath }: StartOptions): string {
  if (mainPath !== undefined) return mainPath;
  if (app === 'program') throw new TypeError('a program needs a mainPath');
  return bundlePath(app);
}

function httpPortOf({ args = [], env = {} }: StartOptions): string {
  const position = args.findIndex((arg) => arg === '--http-port' || arg.startsWith('--http-port='));
  const port = args[position]?.split('=')[1] ?? args[position + 1] ?? env['PULSES_HTTP_PORT'];
  if (position < 0 && port === undefined) throw new TypeError('waitForReady needs --http-port');
  return port ?? '';
}
