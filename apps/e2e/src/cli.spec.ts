import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { bundlePath, freePort, startApp, stopAll } from '@pulses/testing-processes';
import {
  pulseLine,
  startBrokerProcess,
  startSystem,
  type BrokerProcess,
  type Pulse,
  type System,
} from '@pulses/testing-system';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { publishLines, readLines } from './testing/line-client';

async function run(args: readonly string[], input?: string | Buffer) {
  const app = startApp({ app: 'cli', args });
  if (input !== undefined) app.stdin.end(input);
  const { code } = await app.exited;
  return { code, stdout: app.stdout, stderr: app.stderr };
}

const json = (text: string): unknown[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown);

describe('pulses', () => {
  let broker: BrokerProcess;
  /** The topic of a test; the broker is for all of them. */
  let topic: string;
  let testCount = 0;
  const at = () => `--port=${broker.port}`;

  beforeAll(async () => {
    broker = await startBrokerProcess();
  });
  beforeEach(() => {
    testCount += 1;
    topic = `topic-${testCount}`;
  });
  afterAll(async () => {
    await stopAll();
    await broker.stop();
  });

  it('lists topics with what they hold', async () => {
    await publishLines(broker.port, 'one', ['a', 'bc']);
    await readLines(broker.port, 'one', 2);
    await publishLines(broker.port, 'other', ['d']);
    await readLines(broker.port, 'other', 1);
    const { code, stdout } = await run(['topics', at(), '--prefix=on']);
    expect(code).toBe(0);
    expect(json(stdout)).toEqual([
      {
        topic: 'one',
        messages: 2,
        bytes: 5,
        first_offset: 0,
        last_offset: 1,
        first_time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        last_time: expect.stringMatching(/Z$/),
        lags: {},
        incarnation: expect.stringMatching(/^[0-9a-f]{32}$/),
      },
    ]);
  });

  it('produces the lines of its input and prints them again byte for byte', async () => {
    const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index} ${'x'.repeat(index % 97)}\t\u00fc`);
    const produced = await run(['produce', topic, at()], `\n${lines.join('\r\n')}`);
    expect(produced).toEqual({ code: 0, stdout: '{"messages_acked":20000}\n', stderr: '' });
    const all = await run(['cat', topic, at()]);
    expect(all.stdout === `${lines.join('\n')}\n`).toBe(true);
    const some = await run(['cat', topic, at(), '--from=19990', '--count=3']);
    expect(some).toEqual({ code: 0, stdout: `${lines.slice(19_990, 19_993).join('\n')}\n`, stderr: '' });
    expect(await run(['cat', topic, at(), '--from=20000'])).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('keeps bytes that are not text', async () => {
    const bytes = Buffer.from([0xff, 0x00, 0x1b, 0x0d, 0x41, 0x0a]);
    expect((await run(['produce', topic, at()], bytes)).code).toBe(0);
    const cat = spawn(process.execPath, [bundlePath('cli'), 'cat', topic, at()]);
    const parts: Buffer[] = [];
    cat.stdout.on('data', (chunk: Buffer) => parts.push(chunk));
    await once(cat, 'close');
    expect(Buffer.concat(parts)).toEqual(bytes);
  });

  it('follows a topic, gapless, until it is stopped', async () => {
    await publishLines(broker.port, topic, ['a']);
    await readLines(broker.port, topic, 1);
    const follower = startApp({ app: 'cli', args: ['cat', topic, at(), '--follow'] });
    await follower.waitForOutput(/a\n/);
    await publishLines(broker.port, topic, ['b', 'c']);
    await follower.waitForOutput(/c\n/);
    expect(await follower.stop()).toEqual({ code: 0, signal: null });
    expect(follower.stdout).toBe('a\nb\nc\n');
    const counted = await run(['cat', topic, at(), '--follow', '--count=2']);
    expect(counted.stdout).toBe('a\nb\n');
  });

  it('ends quietly when its reader has enough', async () => {
    await run(['produce', topic, at()], 'some line\n'.repeat(300_000));
    const cat = spawn(process.execPath, [bundlePath('cli'), 'cat', topic, at()]);
    let stderr = '';
    cat.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    await once(cat.stdout, 'data');
    cat.stdout.destroy();
    expect(await once(cat, 'close')).toEqual([0, null]);
    expect(stderr).toBe('');
  });

  it('waits for a reader that stops reading, and loses nothing', async () => {
    const line = 'y'.repeat(99);
    await run(['produce', topic, at()], `${line}\n`.repeat(100_000));
    const cat = spawn(process.execPath, [bundlePath('cli'), 'cat', topic, at()]);
    await once(cat.stdout, 'readable');
    // Nothing is read meanwhile: the pipe is full, and the program waits.
    await run(['topics', at()]);
    expect(cat.exitCode).toBeNull();
    let bytes = 0;
    cat.stdout.on('data', (chunk: Buffer) => (bytes += chunk.byteLength));
    expect(await once(cat, 'close')).toEqual([0, null]);
    expect(bytes).toBe(10_000_000);
  });

  it.each([
    ['a topic that does not exist', () => ['none'], /topic none does not exist/],
    ['an offset behind the end', () => [topic, '--from=9'], /offset 9 is beyond topic \S+, which continues at 1$/m],
  ] as const)('%s fails with one line and exit code 1', async (_case, args, line) => {
    await publishLines(broker.port, topic, ['a']);
    await readLines(broker.port, topic, 1);
    const { code, stdout, stderr } = await run(['cat', ...args(), at()]);
    expect(stderr).toMatch(line);
    expect(stderr.trimEnd().split('\n').length).toBe(1);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });

  it.each(['topics', 'cat', 'produce', 'totals', 'audit', 'positions', 'dead-letters', 'dead-letters redrive'])(
    '%s names the address where no broker answers',
    async (command) => {
      const port = await freePort();
      const args = ['cat', 'produce'].includes(command) ? [command, topic] : command.split(' ');
      const { code, stderr } = await run([...args, `--port=${port}`], '');
      expect(stderr).toBe(`pulses: cannot reach 127.0.0.1:${port}: ECONNREFUSED\n`);
      expect(code).toBe(1);
    },
  );

  it('names the line that is too long, and keeps the ones before it', async () => {
    const produced = await run(['produce', topic, at()], `a\n\n${'x'.repeat(4 * 1024 * 1024 + 1)}\nb\n`);
    expect(produced).toEqual({
      code: 1,
      stdout: '{"messages_acked":1}\n',
      stderr: 'pulses: line 3 is longer than 4194304 bytes\n',
    });
    expect((await run(['cat', topic, at()])).stdout).toBe('a\n');
  });

  it('ends with what was acknowledged, and no piece of a line, when it is stopped while it reads', async () => {
    const producer = startApp({ app: 'cli', args: ['produce', topic, at()] });
    const seen = readLines(broker.port, topic, 2);
    producer.stdin.write('a\nb\nunfinish');
    expect(await seen).toEqual(['a', 'b']);
    producer.signal('SIGINT');
    expect(await producer.exited).toEqual({ code: 130, signal: null });
    expect(producer.stderr).toBe('pulses: stopped before the end of the input; 2 messages acknowledged\n');
    expect(producer.stdout).toBe('{"messages_acked":2}\n');
    expect((await run(['cat', topic, at()])).stdout).toBe('a\nb\n');
  });
});

describe('pulses beside a whole system', () => {
  let system: System;
  const at = () => `--port=${system.port}`;

  async function start(): Promise<void> {
    system = await startSystem({ ingestorArgs: ['--flush-interval', '1s'] });
  }
  async function stop(): Promise<void> {
    await stopAll();
    await system.stop();
  }

  const PULSES: readonly Pulse[] = [
    { tenant: 'acme', sku: 'vm', unit: 'h', amount: '0.1' },
    { tenant: 'acme', sku: 'vm', unit: 'h', amount: '0.2' },
    { tenant: 'acme', sku: 'vm', unit: 'min', amount: '9007199254740993' },
    { tenant: 'a.b', sku: '__proto__', unit: 'h', amount: '-1e-30' },
  ];

  async function publish(): Promise<void> {
    await publishLines(system.port, 'source.pulses', [...PULSES.map(pulseLine), 'not a pulse']);
    await readLines(system.port, 'tenants.acme.aggregated.pulses.amount', 2);
    await readLines(system.port, 'tenants.a%2Eb.aggregated.pulses.amount', 1);
  }

  describe('that has summed what it was sent', () => {
    beforeAll(async () => {
      await start();
      await publish();
    });
    afterAll(stop);

    it('sums the grouped pulses exactly', async () => {
      const all = await run(['totals', at()]);
      expect(all.code).toBe(0);
      expect(all.stdout.split('\n')).toEqual([
        '{"tenant_id":"a.b","product_sku":"__proto__","use_unit":"h","total_amount":-0.000000000000000000000000000001,"pulse_count":1}',
        '{"tenant_id":"acme","product_sku":"vm","use_unit":"h","total_amount":0.3,"pulse_count":2}',
        '{"tenant_id":"acme","product_sku":"vm","use_unit":"min","total_amount":9007199254740993,"pulse_count":1}',
        '',
      ]);
      expect((await run(['totals', at(), '--tenant=a.b'])).stdout).toContain('"tenant_id":"a.b"');
      expect(json((await run(['totals', at(), '--tenant=acme', '--unit=h'])).stdout)).toHaveLength(1);
      expect(json((await run(['totals', at(), '--sku=vm'])).stdout)).toHaveLength(2);
      expect((await run(['totals', at(), '--until=2000-01-01'])).stdout).toBe('');
      expect(json((await run(['totals', at(), '--since=2000-01-01'])).stdout)).toHaveLength(3);
      expect((await run(['totals', at(), '--since=2100-01-01'])).stdout).toBe('');
      expect((await run(['totals', at(), '--tenant=nobody'])).stdout).toBe('');
    });

    it("prints the lines of one SKU, as the original's sink did", async () => {
      const cat = async (...flags: string[]) => {
        const { code, stdout } = await run(['cat', 'tenants.acme.grouped.pulses', at(), ...flags]);
        return [code, stdout];
      };
      const lines = await readLines(system.port, 'tenants.acme.grouped.pulses', 3);
      const skuOf = (line: string) => (JSON.parse(line) as { product_sku: string }).product_sku;
      const sku = skuOf(lines[0] ?? '');
      const ofSku = lines.filter((line) => skuOf(line) === sku).map((line) => `${line}\n`);
      expect(await cat(`--sku=${sku}`)).toEqual([0, ofSku.join('')]);
      expect(await cat(`--sku=${sku}`, '--count=1')).toEqual([0, ofSku[0]]);
      expect(await cat('--until=2001-01-01')).toEqual([0, '']);
    });

    it('lists the positions of the groups, and how far topics are ahead of them', async () => {
      const { code, stdout } = await run(['positions', at()]);
      expect(code).toBe(0);
      const position = { group: 'ingestor@source.pulses', topic: 'source.pulses', offset: 5, lag: 0, metadata: '' };
      expect(json(stdout)).toMatchObject([
        { ...position, name: 'grouped', revision: expect.any(Number) },
        { ...position, name: 'windowed', incarnation: expect.stringMatching(/^[0-9a-f]{32}$/) },
      ]);
      expect((await run(['positions', at(), '--group=ingestor', '--topic=source.pulses'])).stdout).toBe(stdout);
      expect((await run(['positions', at(), '--group=other'])).stdout).toBe('');
      const [source] = json((await run(['topics', at(), '--prefix=source.pulses'])).stdout);
      expect(source).toMatchObject({ messages: 5, lags: { 'ingestor@source.pulses': 0 } });
      await system.ingestor.stop();
      await publishLines(system.port, 'source.pulses', PULSES.map(pulseLine));
      await readLines(system.port, 'source.pulses', 9);
      const [later] = json((await run(['topics', at(), '--prefix=source.pulses'])).stdout);
      expect(later).toMatchObject({ messages: 9, lags: { 'ingestor@source.pulses': 4 } });
    });
  });

  describe('that changes', () => {
    beforeEach(start);
    afterEach(stop);

    it('finds the outputs equal to the source while pulses arrive', async () => {
      await publish();
      const generator = startApp({ app: 'stub-generator', args: [at(), '--rate=2000', '--log-level=warn'] });
      await readLines(system.port, 'tenants.tenant-1.aggregated.pulses.amount', 60);
      const audit = await run(['audit', at()]);
      expect(audit.stderr).toBe('');
      const [summary] = json(audit.stdout) as Record<string, number>[];
      expect(summary).toMatchObject({ equal: true, differences: 0, dead_letters: 1 });
      expect(summary?.['grouped_lines']).toBe(summary?.['pulses']);
      expect(audit.code).toBe(0);
      await generator.stop();
    });

    it('audits a range of the source, or a tenant', async () => {
      await publish();
      const [line = ''] = await readLines(system.port, 'tenants.acme.grouped.pulses', 1);
      await publishLines(system.port, 'tenants.acme.grouped.pulses', [line]);
      await readLines(system.port, 'tenants.acme.grouped.pulses', 4);
      const audit = async (...flags: string[]) => {
        const { code, stdout } = await run(['audit', at(), ...flags]);
        return { code, summary: json(stdout).at(-1) };
      };
      expect(await audit()).toMatchObject({ code: 1, summary: { equal: false, differences: 1 } });
      expect(await audit('--from=1')).toMatchObject({
        code: 0,
        summary: { equal: true, complete: true, unchecked: [], from_offset: 1, pulses: 3, dead_letters: 1 },
      });
      expect(await audit('--to=1')).toMatchObject({ code: 1, summary: { messages_read: 1 } });
      expect(await audit('--from=1', '--to=1000', '--allow-trimmed')).toMatchObject({
        code: 1,
        summary: {
          equal: true,
          complete: false,
          unchecked: [{ outputs: 'all', to_offset: 1000, reason: 'uncommitted' }],
        },
      });
      expect(await audit('--tenant=acme')).toMatchObject({ code: 1, summary: { tenant: 'acme', pulses: 3 } });
      expect(await audit('--tenant=a.b')).toMatchObject({
        code: 0,
        summary: { equal: true, pulses: 1, grouped_lines: 1, aggregated_lines: 1 },
      });
      expect(await run(['audit', at(), '--group=nosuch'])).toEqual({
        code: 2,
        stdout: '',
        stderr: "pulses: --group: 'nosuch' is not valid: no such group reads source.pulses\n",
      });
      const backwards = await run(['audit', at(), '--from=2', '--to=1']);
      expect(backwards).toEqual({
        code: 2,
        stdout: '',
        stderr: "pulses: --to: '1' is not valid: an offset from --from=2 on\n",
      });
    });

    it.each([
      ['tenants.acme.grouped.pulses', 'is not that of the source offset'],
      ['source.pulses.dead-letter', ''],
      ['tenants.acme.aggregated.pulses.amount', ''],
    ])('finds a line that another program has written to %s', async (topic, problem) => {
      await publish();
      expect((await run(['audit', at()])).code).toBe(0);
      const [line = ''] = await readLines(system.port, topic, 1);
      const forged = problem === '' ? line : line.replace(/"object_id":"[0-9a-f]{4}/, '"object_id":"0000');
      const before = (await run(['cat', topic, at()])).stdout.split('\n').length - 1;
      await publishLines(system.port, topic, [forged]);
      await readLines(system.port, topic, before + 1);
      const { code, stdout } = await run(['audit', at()]);
      const [difference, ...rest] = json(stdout) as Record<string, unknown>[];
      expect(difference).toMatchObject({ topic, difference: expect.stringContaining(problem) });
      expect(rest.at(-1)).toMatchObject({ equal: false });
      expect(code).toBe(1);
    });

    it('continues to produce when the broker comes back', async () => {
      const producer = startApp({ app: 'cli', args: ['produce', 't', at()] });
      producer.stdin.write('a\n');
      expect(await readLines(system.port, 't', 1)).toEqual(['a']);
      system.broker.signal('SIGKILL');
      await system.broker.exited;
      producer.stdin.write('b\n');
      await producer.waitForOutput(/trying again\n/);
      await system.restart('broker', 'SIGKILL');
      producer.stdin.end('c');
      expect(await producer.exited).toEqual({ code: 0, signal: null });
      expect(producer.stdout).toBe('{"messages_acked":3}\n');
      expect(await readLines(system.port, 't', 3)).toEqual(['a', 'b', 'c']);
    });
  });
});
