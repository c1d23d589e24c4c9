// A recorded source log of every kind of line gives the recorded outputs, to the byte.
//
// UPDATE_GOLDEN=1 records both again, from the code as it is. A change of outputs is a change of the format: say so in the
// changelog.

import { describe, expect, it } from '@jest/globals';
import { createSimRandom } from '@pulses/testing-sim';
import { COMMIT_BYTES_MIN, type PipelineLimits } from './options';
import {
  readGoldenOutputs,
  readGoldenSource,
  writeGoldenOutputs,
  writeGoldenSource,
  type GoldenMessage,
} from './testing/golden-record';
import { PulseLines } from './testing/pulse-lines';
import { startRig, WINDOW_MS } from './testing/rig';
import { SimLog } from './testing/sim-log';

const TOPIC = 'source.pulses';
const T0 = 1_700_000_000_000;
const MESSAGES = 4_800;

async function outputsOf(messages: readonly GoldenMessage[], seed: number, limits: Partial<PipelineLimits>) {
  const log = new SimLog({ sourceTopic: TOPIC, random: createSimRandom(seed), eventRecordsMax: 50 });
  for (const { timestampMs, bytes } of messages) log.append(timestampMs, bytes);
  log.setClock((messages.at(-1)?.timestampMs ?? T0) + WINDOW_MS);
  const rig = startRig({ log, limits });
  await rig.untilDone();
  await rig.stop();
  expect(log.faults).toEqual([]);
  return log.topics;
}

function drawMessages(): GoldenMessage[] {
  const random = createSimRandom(20_261_130);
  const lines = new PulseLines({ random, tenants: 12, skus: 6, usualShare: 0.5 });
  let timestampMs = T0;
  const drawn = Array.from({ length: MESSAGES }, () => {
    if (random.fraction() < 0.1) timestampMs += Math.floor(random.fraction() * 60);
    if (random.fraction() < 0.0005) timestampMs += 3 * WINDOW_MS;
    return { timestampMs, bytes: lines.next() };
  });
  const tooLong = { timestampMs, bytes: Buffer.alloc(1024 * 1024 + 1, 'x') };
  return [...drawn, tooLong, { timestampMs, bytes: lines.next() }];
}

describe('the recorded source log', () => {
  if (process.env['UPDATE_GOLDEN'] === '1')
    it('is recorded again', async () => {
      const messages = drawMessages();
      writeGoldenSource(messages);
      writeGoldenOutputs(await outputsOf(messages, 1, {}));
    });

  it.each([
    ['as they are', {}],
    ['small', { commitBytes: COMMIT_BYTES_MIN, deltaRowsMax: 3, sumsMax: 5, keysPerStep: 2 }],
  ])('gives the recorded outputs, to the byte, with limits %s', async (_, limits) => {
    const outputs = await outputsOf(readGoldenSource(), 2, limits);
    const recorded = readGoldenOutputs();
    expect([...outputs.keys()].sort()).toEqual(Object.keys(recorded));
    for (const [topic, text] of outputs) expect(text.split('\n')).toEqual(recorded[topic]?.split('\n'));
  });

  it('has pulses of several tenants and windows, and dead letters of every reason', () => {
    const recorded = readGoldenOutputs();
    const topics = Object.keys(recorded);
    expect(topics.filter((topic) => topic.endsWith('.grouped.pulses')).length).toBeGreaterThan(20);
    const sums = topics.filter((topic) => topic.endsWith('.amount')).map((topic) => recorded[topic] ?? '');
    expect(new Set(sums.join('').match(/"window_start":\d+/g)).size).toBeGreaterThan(4);
    const letters = recorded[`${TOPIC}.dead-letter`] ?? '';
    expect(new Set(letters.match(/"reason":"\w+"/g)).size).toBe(10);
  });
});
