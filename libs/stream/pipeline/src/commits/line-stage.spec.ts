import { expect, it } from '@jest/globals';
import { tenantOutputs } from '@pulses/connector-api';
import { createLineMemory, groupLines, LineStage } from './line-stage';

it('takes lines up to the end of its memory, and refuses one that is cut there', () => {
  const stage = new LineStage(createLineMemory(256), groupLines);
  stage.memory.bytes.fill('a', 0, 128).fill('b', 128);
  stage.addWritten(128, 1);
  expect(() => {
    stage.addWritten(257, 0);
  }).toThrow(new TypeError('a line ends at 257 of 256 bytes'));
  stage.addWritten(256, 0);
  const outputs = tenantOutputs(stage.take(['zero', 'one'], Buffer.alloc(256)));
  expect(
    outputs.map(({ tenant, recordCount, payload }) => [tenant, recordCount, Buffer.from(payload).toString()]),
  ).toEqual([
    ['one', 1, 'a'.repeat(128)],
    ['zero', 1, 'b'.repeat(128)],
  ]);
  expect(stage.length).toBe(0);
  expect(stage.take(['zero', 'one'], Buffer.alloc(256))).toBeUndefined();
});
