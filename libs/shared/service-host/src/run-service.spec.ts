import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { PulsesError, type ErrorCode } from '@pulses/shared-errors';
import { portSetting } from '@pulses/shared-settings';
import { runService, STOP_MS_MAX, type Service } from './run-service';
import { createFakeProcess } from './testing/fake-process';

interface Life {
  start?: () => Promise<Service>;
  finished?: Promise<void>;
  stop?: () => Promise<void>;
}

function run({ start, finished, stop }: Life = {}, argv: readonly string[] = [], env: Record<string, string> = {}) {
  const host = createFakeProcess(['--log-level=silent', ...argv], env);
  const calls: string[] = [];
  const service: Service = {
    ...(finished === undefined ? {} : { finished }),
    stop: () => {
      calls.push('stop');
      return stop?.() ?? Promise.resolve();
    },
  };
  const ended = runService(
    {
      name: 'broker',
      summary: 'Stores messages.',
      settings: { port: portSetting({ flag: 'port', default: '9000', description: 'TCP port.' }) },
      start: ({ port }) => {
        calls.push(`start on ${port}`);
        return start?.() ?? Promise.resolve(service);
      },
    },
    host,
  );
  return { host, calls, ended, service };
}

/** Lets promises run without moving the clock. */
const turns = () => jest.advanceTimersByTimeAsync(0);
const never = () => new Promise<never>(() => undefined);

describe('a service', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('stops cleanly with 0 on %s', async (signal) => {
    const { host, calls, ended } = run({}, ['--port=1']);
    await turns();
    expect(calls).toEqual(['start on 1']);
    expect(host.exitCodes).toEqual([]);
    host.signal(signal);
    await ended;
    expect(calls).toEqual(['start on 1', 'stop']);
    expect(host.exitCodes).toEqual([0]);
    expect([host.out, host.error]).toEqual(['', '']);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('stops cleanly with 0 when its launching process ends', async () => {
    const { host, calls, ended } = run();
    await turns();
    host.loseParent();
    await ended;
    expect(calls).toContain('stop');
    expect(host.exitCodes).toEqual([0]);
  });

  it('ends with 0 when its work is finished, after a stop', async () => {
    const { host, calls, ended } = run({ finished: Promise.resolve() });
    await ended;
    expect(calls).toEqual(['start on 9000', 'stop']);
    expect(host.exitCodes).toEqual([0]);
  });

  it.each<[ErrorCode, number]>([
    ['CONFIG_INVALID', 2],
    ['ADDRESS_IN_USE', 2],
    ['DATA_DIR_LOCKED', 2],
    ['JOURNAL_CORRUPT', 3],
    ['STORAGE_FAILED', 1],
  ])('that can not start with %s says why in one line and ends with %i', async (code, exitCode) => {
    const { host, ended } = run({ start: () => Promise.reject(new PulsesError(code, 'first\n  second')) });
    await ended;
    expect(host.exitCodes).toEqual([exitCode]);
    expect(host.error).toBe('broker: first second\n');
    expect(host.out).toBe('');
  });

  it('that fails while it runs ends with the code of the failure', async () => {
    const { host, ended } = run({ finished: Promise.reject(new PulsesError('JOURNAL_CORRUPT', 'at byte 7')) });
    await ended;
    expect(host.exitCodes).toEqual([3]);
    expect(host.error).toBe('broker: at byte 7\n');
  });

  it('that fails to stop ends with 1 and says why, and leaves no timer', async () => {
    const { host, ended } = run({ stop: () => Promise.reject(new Error('the disk is gone')) });
    await turns();
    host.signal('SIGTERM');
    await ended;
    expect(host.exitCodes).toEqual([1]);
    expect(host.error).toBe('broker: the disk is gone\n');
    expect(jest.getTimerCount()).toBe(0);
  });

  it('that has a bad setting does not start', async () => {
    for (const [argv, env, line] of [
      [['--port=nine'], {}, "--port: 'nine' is not valid: a whole number from 0 to 65535"],
      [['--prot=9'], {}, '--prot: unknown flag; did you mean --port? (see --help)'],
      [[], { PULSES_PORT: '-1' }, "PULSES_PORT: '-1' is not valid: a whole number from 0 to 65535"],
      [['--log-level=loud'], {}, "--log-level: 'loud' is not valid: one of debug, info, warn, error, fatal, silent"],
    ] as const) {
      const { host, calls, ended } = run({}, argv, env);
      await ended;
      expect(calls).toEqual([]);
      expect(host.error).toBe(`broker: ${line}\n`);
      expect(host.exitCodes).toEqual([2]);
    }
  });

  it('answers --help and --version before it checks anything else', async () => {
    const help = run({}, ['--port=nine', '--nonsense', '--help']);
    await help.ended;
    expect(help.calls).toEqual([]);
    expect(help.host.exitCodes).toEqual([0]);
    expect(help.host.out).toMatch(/^Usage: broker \[flags\]\n\nStores messages\.\n/);
    expect(help.host.out).toContain('PULSES_PORT');
    expect(help.host.out).toContain('--log-level');
    expect(help.host.error).toBe('');

    const version = run({}, ['--version', '--nonsense']);
    await version.ended;
    expect(version.host).toMatchObject({ out: '0.0.0-unbundled\n', error: '', exitCodes: [0] });
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('leaves at once with a second signal: %s is %i', async (signal, exitCode) => {
    const { host } = run({ stop: never });
    await turns();
    host.signal('SIGTERM');
    await jest.advanceTimersByTimeAsync(501);
    expect(host.exitCodes).toEqual([]);
    host.signal(signal);
    expect(host.exitCodes).toEqual([exitCode]);
  });

  it('counts the same Ctrl-C from the terminal and a launcher once', async () => {
    let stopped: (() => void) | undefined;
    const { host, calls, ended } = run({ stop: () => new Promise((resolve) => (stopped = resolve)) });
    await turns();
    host.signal('SIGINT');
    await jest.advanceTimersByTimeAsync(200);
    host.signal('SIGINT');
    await jest.advanceTimersByTimeAsync(300);
    host.signal('SIGINT');
    expect(host.exitCodes).toEqual([]);
    stopped?.();
    await ended;
    expect(calls.filter((call) => call === 'stop')).toHaveLength(1);
    expect(host.exitCodes).toEqual([0]);
  });

  it.each([
    ['leaves at once with the second of two signals that came during a long loading', 'SIGINT', 501, [130]],
    ['counts two signals of a short loading as one', 'SIGINT', 500, []],
    [
      'counts the Ctrl-C of a terminal and the SIGTERM of its launcher during a long loading as one',
      'SIGTERM',
      501,
      [],
    ],
  ] as const)('%s', async (_what, signal, loadingMs, exitCodes) => {
    const { host } = run({ stop: never });
    const earliestMs = performance.now() - loadingMs;
    host.signal('SIGINT', earliestMs);
    host.signal(signal, earliestMs);
    await turns();
    expect(host.exitCodes).toEqual(exitCodes);
  });

  it('stops once when a signal, the end of its parent and the end of its work coincide', async () => {
    const { host, calls, ended } = run({ finished: Promise.resolve() });
    host.signal('SIGTERM');
    host.loseParent();
    await ended;
    expect(calls).toEqual(['start on 9000', 'stop']);
    expect(host.exitCodes).toEqual([0]);
  });

  it('ends with 1 when the stop takes longer than its limit', async () => {
    const { host } = run({ stop: never });
    await turns();
    host.signal('SIGTERM');
    await jest.advanceTimersByTimeAsync(STOP_MS_MAX - 1);
    expect(host.exitCodes).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect(host.exitCodes).toEqual([1]);
  });

  it('that is stopped during its start stops once it has started', async () => {
    let started: ((service: Service) => void) | undefined;
    const { host, calls, ended, service } = run({ start: () => new Promise((resolve) => (started = resolve)) });
    await turns();
    host.signal('SIGTERM');
    await turns();
    expect(calls).toEqual(['start on 9000']);
    started?.(service);
    await ended;
    expect(calls).toEqual(['start on 9000', 'stop']);
    expect(host.exitCodes).toEqual([0]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('that never finishes its start still ends within the stop limit', async () => {
    const { host } = run({ start: never });
    await turns();
    host.signal('SIGTERM');
    await jest.advanceTimersByTimeAsync(STOP_MS_MAX - 1);
    expect(host.exitCodes).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect(host.exitCodes).toEqual([1]);
  });

  it('runs on at SIGHUP', async () => {
    const { host, calls } = run();
    await turns();
    host.reload();
    await turns();
    expect([calls, host.exitCodes]).toEqual([['start on 9000'], []]);
  });

  it('ends with 1 and one line on an unexpected failure', async () => {
    const { host } = run();
    await turns();
    host.crash(new Error('a bug\nin two lines'));
    expect(host.exitCodes).toEqual([1]);
    expect(host.error).toBe('broker: a bug in two lines\n');
  });
});
