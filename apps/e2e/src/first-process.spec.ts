// Each service as PID 1, as in a container without an init: Linux drops a signal for PID 1 that no handler awaits.

import { afterEach, describe, expect } from '@jest/globals';
import { bundlePath, freePort, makeTempDirectory, startApp, stopAll, type AppName } from '@pulses/testing-processes';
import { itWith } from '@pulses/testing-scale';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { setImmediate } from 'node:timers/promises';

const MEMORY_FLAG = '--max-semi-space-size=4';

/** The child of `unshare`, once it exists. */
async function childOf(pid: number): Promise<number> {
  for (;;) {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
    if (child) return Number(child);
    await setImmediate();
  }
}

interface Moment {
  readonly commandLine: string;
  /** Whether something awaits SIGTERM: Node or the program. */
  readonly awaitsSigterm: boolean;
}

function momentOf(pid: number): Moment & { readonly isStopped: boolean } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const caught = BigInt(`0x${/^SigCgt:\s*(\w+)$/m.exec(status)?.[1] ?? '0'}`);
  return {
    commandLine: readFileSync(`/proc/${pid}/cmdline`, 'utf8'),
    awaitsSigterm: ((caught >> BigInt(constants.signals.SIGTERM - 1)) & 1n) === 1n,
    isStopped: /^State:\s*T/m.test(status),
  };
}

/** Sends SIGTERM at the first such moment: the process stands still while it is looked at. */
async function sigtermAt(pid: number, isTheMoment: (moment: Moment) => boolean): Promise<void> {
  for (let isSent = false; !isSent;) {
    process.kill(pid, 'SIGSTOP');
    while (!momentOf(pid).isStopped) await setImmediate();
    isSent = isTheMoment(momentOf(pid));
    if (isSent) process.kill(pid, 'SIGTERM');
    process.kill(pid, 'SIGCONT');
    await setImmediate();
  }
}

describe('a service that is PID 1', () => {
  afterEach(stopAll);

  const isFirst = ({ commandLine, awaitsSigterm }: Moment) => awaitsSigterm && !commandLine.includes(MEMORY_FLAG);
  const isSecond = ({ commandLine, awaitsSigterm }: Moment) => awaitsSigterm && commandLine.includes(MEMORY_FLAG);

  itWith('unshare').each<[AppName, string, (moment: Moment) => boolean]>([
    ['broker', 'before its first line', isFirst],
    ['broker', 'after it has started again with its memory flags', isSecond],
    ['ingestor', 'before its first line', isFirst],
    ['ingestor', 'after it has started again with its memory flags', isSecond],
    ['stub-generator', 'before its first line', isFirst],
  ])('stops with 0 when SIGTERM comes early: %s, %s', async (app, _when, isTheMoment) => {
    const data = await makeTempDirectory();
    const http = app === 'stub-generator' ? [] : [`--http-port=${await freePort()}`];
    const own = app === 'broker' ? [`--data-dir=${data.path}`] : [];
    const args = [`--port=${await freePort()}`, ...http, ...own];
    const unshare = ['--pid', '--fork', '--kill-child', process.execPath, bundlePath(app), ...args];
    const running = startApp({ app: 'program', nodePath: 'unshare', mainPath: '--map-root-user', args: unshare });
    await sigtermAt(await childOf(running.pid), isTheMoment);
    expect(await running.exited).toEqual({ code: 0, signal: null });
    expect(running.stderr).toContain('"msg":"stopped"');
    await data.remove();
  });
});
