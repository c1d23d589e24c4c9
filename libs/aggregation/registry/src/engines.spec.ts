import { describe, expect, it } from '@jest/globals';
import { parseSettings } from '@pulses/shared-settings';
import { createSimClock, createSimRandom } from '@pulses/testing-sim';
import { engineNames, engineParts, engineSettings } from './engines';

const ignore = () => undefined;
const logger = { debug: ignore, info: ignore, warn: ignore, error: ignore, fatal: ignore };

describe('the registry of engines', () => {
  it('has memory and redis', () => {
    expect(engineNames).toEqual(expect.arrayContaining(['memory', 'redis']));
  });

  it.each(engineNames)('creates %s from its settings without connecting', async (name) => {
    const { values } = parseSettings(engineSettings, { argv: [], env: {}, readFile: () => '' });
    const context = { clock: createSimClock(), random: createSimRandom(1), logger };
    const { create, readiness } = await engineParts(name, values, context);
    const engine = create();
    expect(create()).not.toBe(engine);
    expect(engine.name).toBe(name);
    expect(readiness()).toEqual({ ready: true });
    await engine.close();
  });
});
