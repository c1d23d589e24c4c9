// The sums of the open window, while it is open.

import { describe, expect, it } from '@jest/globals';
import { createSimRandom } from '@pulses/testing-sim';
import type { LiveWindow } from './live-window';
import { line, startRig, WINDOW_MS } from '../testing/rig';
import { SimLog } from '../testing/sim-log';

const T0 = 1_700_000_000_000;
const start = () => {
  const log = new SimLog({ sourceTopic: 'source.pulses', random: createSimRandom(6) });
  return { log, rig: startRig({ log }) };
};

describe('the open window', () => {
  it('is answered with the exact sums of every message read, of all tenants or of one, and stays open', async () => {
    const { log, rig } = start();
    log.append(T0, line('a', 's', '0.1'), line('b', 's', '1e2'), 'no pulse', line('a', 't', '-7'));
    log.append(T0 + 10, line('a', 's', '0.2'));
    await rig.until(() => rig.counts.readUpTo === 5);
    const ask = async (tenant?: string): Promise<LiveWindow | undefined> => {
      let window: LiveWindow | undefined;
      let isAnswered = false;
      void rig.live.ask(tenant).then(([answer]) => {
        window = answer?.window;
        isAnswered = true;
      });
      await rig.until(() => isAnswered);
      return window;
    };
    const key = (tenantId: string, productSku: string, total: string, pulseCount: number) =>
      expect.objectContaining({ tenantId, productSku, total, pulseCount });
    expect(await ask()).toMatchObject({
      windowStartMs: T0,
      windowMs: WINDOW_MS,
      nextOffset: 5,
      isCut: false,
      sums: [key('a', 's', '0.3', 2), key('b', 's', '100', 1), key('a', 't', '-7', 1)],
    });
    expect((await ask('b'))?.sums).toEqual([key('b', 's', '100', 1)]);
    expect((await ask('none'))?.sums).toEqual([]);

    log.append(T0 + 30, line('b', 's', '1'));
    log.setClock(T0 + WINDOW_MS);
    await rig.untilDone();
    expect(rig.counts).toMatchObject({ grouped: 5, aggregated: 3 });
    await rig.stop();
  });

  it('is undefined when nothing was read; queries above the limit are refused', async () => {
    const { rig } = start();
    const questions = Array.from({ length: 17 }, () => rig.live.ask(undefined));
    await expect(questions.pop()).rejects.toMatchObject({ code: 'OVERLOADED' });
    let answers: unknown[] | undefined;
    void Promise.all(questions).then((all) => {
      answers = all;
    });
    await rig.until(() => answers !== undefined);
    expect(answers).toEqual(questions.map(() => [{ partition: undefined, window: undefined }]));
    await rig.stop();
  });
});
