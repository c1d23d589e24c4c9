import { describe, expect, it } from '@jest/globals';
import type { Connector, OpenSessionOptions, Session } from '@pulses/connector-api';
import { PulsesError, type ErrorCode } from '@pulses/shared-errors';
import { createSimClock } from '@pulses/testing-sim';
import { START_MS, StartGate } from './start-gate';

const ignore = () => undefined;
const request: OpenSessionOptions = {
  sourceTopic: 's',
  group: 'g',
  signal: new AbortController().signal,
  onStandby: ignore,
};

function gateOn(openSession: Connector['openSession']) {
  const clock = createSimClock();
  const supports = { atomicCommit: true, standby: true, partitions: true };
  return {
    clock,
    gate: new StartGate({ name: 'kafka', supports, openSession, close: () => Promise.resolve() }, clock),
  };
}

const failing = (code: ErrorCode) => () => Promise.reject(new PulsesError(code, 'the reason'));
const wrong = { code: 'CONFIG_INVALID', message: 'the reason' };

describe('the start of the Kafka connector', () => {
  it.each(['ACCESS_REFUSED', 'LOG_UNSUITABLE', 'TOPIC_UNKNOWN', 'VERSION_UNSUPPORTED'] as const)(
    'ends the program with %s',
    async (code) => {
      await expect(gateOn(failing(code)).gate.openSession(request)).rejects.toMatchObject(wrong);
    },
  );

  it.each(['CONNECTION_LOST', 'TIMED_OUT'] as const)('waits a while after %s', async (code) => {
    const { gate, clock } = gateOn(failing(code));
    await expect(gate.openSession(request)).rejects.toMatchObject({ code });
    await clock.advance(START_MS - 1);
    await expect(gate.openSession(request)).rejects.toMatchObject({ code });
    await clock.advance(1);
    await expect(gate.openSession(request)).rejects.toMatchObject(wrong);
  });

  it('asks once more when the first request is answered late', async () => {
    const { gate, clock } = gateOn(async () => {
      await clock.advance(START_MS);
      throw new PulsesError('TIMED_OUT', 'the reason');
    });
    await expect(gate.openSession(request)).rejects.toMatchObject({ code: 'TIMED_OUT' });
    await expect(gate.openSession(request)).rejects.toMatchObject(wrong);
  });

  it('leaves the failure of one partition to the caller once it is over, and not before', async () => {
    const error = new PulsesError('CONFIG_INVALID', 'the position is lost');
    const answers: (number | undefined)[] = [];
    const { gate } = gateOn(({ onFailure }) => {
      answers.push(onFailure?.(3, error));
      return Promise.resolve({} as Session);
    });
    for (let call = 0; call < 2; call += 1) await gate.openSession({ ...request, onFailure: () => 30_000 });
    expect(answers).toEqual([undefined, 30_000]);
  });

  it('leaves other failures as they are', async () => {
    await expect(gateOn(failing('FENCED')).gate.openSession(request)).rejects.toMatchObject({ code: 'FENCED' });
    const error = new Error('stop');
    await expect(gateOn(() => Promise.reject(error)).gate.openSession(request)).rejects.toBe(error);
  });

  it.each([
    ['a session', () => Promise.resolve({} as Session)],
    [
      'standing by',
      ({ onStandby }: OpenSessionOptions) => {
        onStandby(() => Promise.resolve());
        return Promise.reject(new PulsesError('CONNECTION_LOST'));
      },
    ],
  ])('is over after %s: the caller tries again', async (_, first) => {
    const calls = [first, failing('ACCESS_REFUSED')];
    const { gate } = gateOn((options) => calls.shift()!(options)); // two calls
    await gate.openSession(request).catch(ignore);
    await expect(gate.openSession(request)).rejects.toMatchObject({ code: 'ACCESS_REFUSED' });
  });
});
