import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { chmod, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, makeTempDirectory, startApp, stopAll, type TempDirectory } from '@pulses/testing-processes';
import { publishLines, readLines } from './testing/line-client';

describe('a data directory', () => {
  let parent: TempDirectory;
  let data: string;

  beforeEach(async () => {
    parent = await makeTempDirectory();
    data = join(parent.path, 'data');
  });
  afterEach(async () => {
    await stopAll();
    await parent.remove();
  });

  async function start(directory = data) {
    const [port, httpPort] = [await freePort(), await freePort()];
    const args = [`--port=${port}`, `--http-port=${httpPort}`, `--data-dir=${directory}`];
    return { app: startApp({ app: 'broker', args }), port };
  }

  /** A broker that has stored lines, still running. */
  async function running() {
    const broker = await start();
    await broker.app.waitForReady();
    await publishLines(broker.port, 'a', ['1', '2']);
    await readLines(broker.port, 'a', 2);
    return broker.app;
  }

  /** How a start ends that is refused. */
  async function refusal(directory?: string) {
    const { app } = await start(directory);
    const { code } = await app.exited;
    return { code, line: app.stderr };
  }

  it('is open in one broker, whatever is removed from it', async () => {
    const { pid } = await running();
    for (const name of ['', ...(await readdir(data))]) {
      if (name !== '') await rm(join(data, name), { recursive: true, force: true });
      const { code, line } = await refusal();
      expect(code).toBe(2);
      expect(line).toContain(`is open in another broker, process ${pid}`);
    }
  });

  it.each(['journal', 'checkpoints and journal'])('without its %s is never taken for an empty one', async (gone) => {
    expect(await (await running()).stop()).toMatchObject({ code: 0 });
    for (const name of gone.split(' and ')) await rm(join(data, name), { recursive: true });
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const { code, line } = await refusal();
      expect(code).toBe(3);
      expect(line).toMatch(/data\/journal .*missing.* pulses repair --data-dir/);
    }
  });

  it('of the format before is refused with its version, and stays as it is', async () => {
    await mkdir(join(data, 'journal'), { recursive: true });
    await writeFile(join(data, 'journal', '0000000000000001.journal'), 'PULSJRN1'.padEnd(200, '\0'));
    const { code, line } = await refusal();
    expect([code, line]).toEqual([2, expect.stringContaining('format 1')]);
    expect(await readdir(join(data, 'journal'))).toEqual(['0000000000000001.journal']);
  });

  it('loses the rights of other users, and so do files in it', async () => {
    await mkdir(data, { mode: 0o755 });
    await chmod(data, 0o755);
    await running();
    expect((await stat(data)).mode & 0o777).toBe(0o700);
    for (const entry of await readdir(data, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      expect([path, (await stat(path)).mode & 0o077]).toEqual([path, 0]);
    }
  });

  it.each(['/proc/pulses', '/sys/pulses', '/dev/pulses'])('is refused at once at %s', async (directory) => {
    expect(await refusal(directory)).toEqual({
      code: 2,
      line: expect.stringMatching(`^[^\n]*--data-dir: '${directory}' is not valid: [^\n]*\n$`),
    });
  });
});
