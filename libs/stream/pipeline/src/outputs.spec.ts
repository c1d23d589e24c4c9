// What a source log becomes, in a run that nothing disturbs.

import { describe, expect, it } from '@jest/globals';
import { createSimRandom } from '@pulses/testing-sim';
import { COMMIT_BYTES_MIN } from './options';
import { expectedOutputs, outputLines } from './testing/expected-outputs';
import { line, startRig, WINDOW_MS, type Rig } from './testing/rig';
import { SimLog } from './testing/sim-log';

const TOPIC = 'source.pulses';
/** A time at which a window starts. */
const T0 = 1_700_000_000_000;

const newLog = (): SimLog => new SimLog({ sourceTopic: TOPIC, random: createSimRandom(5) });

const aggregated = (log: SimLog, tenant: string): string[] =>
  outputLines(log.topics)[`tenants.${tenant}.aggregated.pulses.amount`] ?? [];

const fieldOf = (text: string | undefined, field: string): unknown =>
  (JSON.parse(text ?? '{}') as Record<string, unknown>)[field];

/** Stops, and expects the outputs of the log as it is at `clockMs`. */
async function expectOutputs(rig: Rig, log: SimLog, clockMs: number, windowMs = WINDOW_MS): Promise<void> {
  await rig.stop();
  expect(outputLines(log.topics)).toEqual(expectedOutputs(log.messages, { sourceTopic: TOPIC, windowMs, clockMs }));
  expect(log.faults).toEqual([]);
}

describe('outputs of the pipeline', () => {
  it('puts every pulse into exactly one grouped line, in source order, apart by tenant', async () => {
    const log = newLog();
    const tenants = ['a', 'b', 'a.b', 'é', '__proto__'];
    for (let batch = 0; batch < 20; batch += 1)
      log.append(
        T0 + batch,
        ...tenants.map((tenant, index) => line(tenant, `sku-${(batch * index) % 3}`, `${batch}.${index}1`)),
      );
    log.setClock(T0 + WINDOW_MS);
    const rig = startRig({ log });
    await rig.untilDone();
    expect(rig.counts).toMatchObject({ grouped: 100, readUpTo: 100 });
    await expectOutputs(rig, log, T0 + WINDOW_MS);
  });

  it('cuts windows where log time jumps by an hour or a day, or stands still, and loses none', async () => {
    const log = newLog();
    const rig = startRig({ log });
    let timeMs = T0;
    for (const [step, jumpMs] of [0, 3_600_000, 0, 0, 86_400_000, 1, 0, 3_599_999, WINDOW_MS].entries()) {
      timeMs += jumpMs;
      log.append(timeMs, line('a', `s${step % 2}`, step), line('b', 's', `-${step}.5`));
      if (step % 2 === 0) await rig.until(() => rig.counts.readUpTo === log.messages.length);
      log.append(timeMs, line('a', 's0', '0.000000000000000000000000000001'));
    }
    log.setClock(timeMs + WINDOW_MS);
    await rig.untilDone();
    await expectOutputs(rig, log, timeMs + WINDOW_MS);
    expect(new Set(aggregated(log, 'b').map((text) => fieldOf(text, 'window_start'))).size).toBe(5);
  });

  it('stores what is no pulse as a dead letter with reason, bytes and offset, and continues', async () => {
    const log = newLog();
    const broken = [
      '',
      'nonsense',
      '[1]',
      '7',
      '{}',
      '{"tenant_id":"a"}',
      '{"tenant_id":7,"product_sku":"s","use_unity":"u","used_ammount":"1"}',
    ];
    for (const [index, message] of broken.entries())
      log.append(T0 + index, line('a', 's', index), message, line('b', 's', 1));
    log.append(T0 + 10, Buffer.from([0xff, 0x00, 0x7b]));
    log.setClock(T0 + WINDOW_MS);
    const rig = startRig({ log });
    await rig.untilDone();
    await rig.stop();
    const letters = (log.topics.get(`${TOPIC}.dead-letter`) ?? '').split('\n').slice(0, -1);
    expect(fieldOf(letters.pop(), 'reason')).toBe('invalid_utf8');
    expect(letters.map((letter) => Buffer.from(String(fieldOf(letter, 'raw')), 'base64').toString())).toEqual(broken);
    expect(letters.map((letter) => fieldOf(letter, 'source_offset'))).toEqual(broken.map((_, index) => 3 * index + 1));
    const expected = expectedOutputs(log.messages.slice(0, -1), {
      sourceTopic: TOPIC,
      windowMs: WINDOW_MS,
      clockMs: 0,
    });
    const stored = outputLines(log.topics);
    for (const topic of ['tenants.a.grouped.pulses', 'tenants.b.grouped.pulses'])
      expect(stored[topic]).toEqual(expected[topic]);
    expect(stored[`${TOPIC}.dead-letter`]?.slice(0, -1)).toEqual(expected[`${TOPIC}.dead-letter`]);
    expect(rig.deadLetters).toEqual([...letters.map((letter) => fieldOf(letter, 'reason')), 'invalid_utf8']);
  });

  it('cuts windows by the time of the log, half-open', async () => {
    const log = newLog();
    for (const timeMs of [T0, T0 + WINDOW_MS - 1, T0 + WINDOW_MS, T0 + 2 * WINDOW_MS - 1, T0 + 7 * WINDOW_MS])
      log.append(timeMs, line('a', 's', '0.1'), line('a', 't', '-5'));
    log.setClock(T0 + 8 * WINDOW_MS);
    const rig = startRig({ log });
    await rig.untilDone();
    await rig.stop();
    const windows = aggregated(log, 'a').filter((text) => fieldOf(text, 'product_sku') === 's');
    expect(windows.map((text) => fieldOf(text, 'window_start'))).toEqual(
      [0, 5, 35].map((seconds) => T0 / 1000 + seconds),
    );
    expect(windows.map((text) => fieldOf(text, 'pulse_count'))).toEqual([2, 2, 1]);
    await expectOutputs(rig, log, T0 + 8 * WINDOW_MS);
  });

  it('closes the window of an idle source once the clock of the log has reached its end, not before', async () => {
    const log = newLog();
    log.append(T0 + 10, line('a', 's', 1));
    const rig = startRig({ log });
    for (const clockMs of [T0 + 10, T0 + WINDOW_MS - 1]) {
      log.setClock(clockMs);
      await rig.idle();
      expect(log.positions.get('grouped')?.offset).toBe(1);
      expect(aggregated(log, 'a')).toEqual([]);
      expect(log.positions.get('windowed')).toEqual({ offset: 0, metadata: '' });
    }
    log.setClock(T0 + WINDOW_MS);
    await rig.idle();
    expect(aggregated(log, 'a')).toHaveLength(1);
    expect(log.positions.get('windowed')).toEqual({ offset: 1, metadata: '' });
    await expectOutputs(rig, log, T0 + WINDOW_MS);
  });

  it('takes a message at the very end of a window that a head has closed into the next one', async () => {
    const log = newLog();
    log.append(T0, line('a', 's', 1));
    const rig = startRig({ log });
    log.setClock(T0 + WINDOW_MS);
    await rig.idle();
    log.append(T0 + WINDOW_MS, line('a', 's', 2));
    await rig.idle();
    log.setClock(T0 + 2 * WINDOW_MS);
    await rig.untilDone();
    expect(aggregated(log, 'a').map((text) => fieldOf(text, 'total_amount'))).toEqual([1, 2]);
    await expectOutputs(rig, log, T0 + 2 * WINDOW_MS);
  });

  it('closes a window when the log goes past it, without a head at its end', async () => {
    const log = newLog();
    const rig = startRig({ log });
    log.append(T0 + 1, line('a', 's', 1));
    await rig.idle();
    log.append(T0 + 20 * WINDOW_MS, line('a', 's', 2));
    await rig.idle();
    expect(aggregated(log, 'a')).toHaveLength(1);
    expect(log.positions.get('windowed')).toEqual({ offset: 1, metadata: '' });
    await expectOutputs(rig, log, T0 + 20 * WINDOW_MS);
  });

  it('writes nothing for a source without messages, however long', async () => {
    const log = newLog();
    const rig = startRig({ log });
    for (let window = 1; window < 5; window += 1) {
      log.setClock(T0 + window * WINDOW_MS);
      await rig.idle();
    }
    expect(log.commitCount).toBe(0);
    await expectOutputs(rig, log, T0);
  });

  it('moves on past windows of dead letters alone, and emits nothing for them', async () => {
    const log = newLog();
    log.append(T0, 'x', 'y');
    log.append(T0 + WINDOW_MS, 'z');
    log.append(T0 + 2 * WINDOW_MS, 'not', line('a', 's', 3), 'either');
    log.setClock(T0 + 3 * WINDOW_MS);
    const rig = startRig({ log });
    await rig.untilDone();
    const [only, ...more] = aggregated(log, 'a');
    expect(more).toEqual([]);
    expect(fieldOf(only, 'source')).toEqual({ topic: TOPIC, from_offset: 3, to_offset: 5 });
    expect(rig.counts.aggregated).toBe(1);
    await expectOutputs(rig, log, T0 + 3 * WINDOW_MS);
  });

  it('says when a key was first and last seen, to the millisecond', async () => {
    const log = newLog();
    for (const waitMs of [1, 70, 1500, 1510]) log.append(T0 + waitMs, line('a', 's', 1));
    log.append(T0 + 1999, line('a', 'other', 1));
    log.setClock(T0 + WINDOW_MS);
    const rig = startRig({ log });
    await rig.untilDone();
    expect(
      aggregated(log, 'a').map((text) => /"first_seen":([\d.]+),"last_seen":([\d.]+)/.exec(text)?.slice(1)),
    ).toEqual([
      ['1700000000.001', '1700000001.51'],
      ['1700000001.999', '1700000001.999'],
    ]);
    await expectOutputs(rig, log, T0 + WINDOW_MS);
  });

  it('keeps every digit of amounts and sums', async () => {
    const log = newLog();
    const most = `${'9'.repeat(20)}.${'9'.repeat(30)}`;
    for (let index = 0; index < 40; index += 1)
      log.append(
        T0 + index,
        line('a', 's', most),
        line('a', 't', `-${most}`),
        line('a', 'u', '0.1'),
        line('a', 'v', `${index - 20}.5`),
      );
    log.setClock(T0 + WINDOW_MS);
    const rig = startRig({ log });
    await rig.untilDone();
    expect(aggregated(log, 'a')[0]).toContain(`"total_amount":3999999999999999999999.${'9'.repeat(28)}6,`);
    await expectOutputs(rig, log, T0 + WINDOW_MS);
  });

  it('has room in its smallest commit for the longest line', async () => {
    const log = newLog();
    const longest = '"\\'.repeat(128);
    for (let index = 0; index < 3; index += 1)
      log.append(
        T0 + index,
        line(longest, longest, `-${'9'.repeat(20)}.${'9'.repeat(30)}`, longest),
        line('a', 's', 1),
        'x'.repeat(9000),
      );
    log.setClock(T0 + WINDOW_MS);
    const rig = startRig({ log, limits: { commitBytes: COMMIT_BYTES_MIN } });
    await rig.untilDone();
    await rig.stop();
    const grouped = [...log.topics]
      .filter(([topic]) => topic.endsWith('grouped.pulses'))
      .map(([, text]) => text.split('\n').length - 1);
    expect(grouped).toEqual([3, 3]);
    expect(log.faults).toEqual([]);
  });

  it('counts the keys of the open window', async () => {
    const log = newLog();
    const rig = startRig({ log });
    log.append(T0, line('a', 's', 1), line('a', 't', 1), line('a', 's', 1));
    await rig.idle();
    expect(rig.counts.openKeys).toBe(2);
    await rig.stop();
    // Rebuilt after a restart, with nothing to commit.
    const again = startRig({ log });
    await again.idle();
    expect(again.counts.openKeys).toBe(2);
    log.setClock(T0 + WINDOW_MS);
    await again.idle();
    expect(again.counts).toEqual({ grouped: 0, aggregated: 2, readUpTo: 3, openKeys: 0 });
    await again.stop();
  });
});
