import { describe, expect, it } from '@jest/globals';
import type { Connector } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import { GroupMember } from './group-member';
import { turn } from './session-probe';

/** Far more than a member asks for in a few turns of the event loop. */
const CALLS_MAX = 1_000;

/** Refuses every session at once, as a connector does that was closed. */
class ClosedConnector implements Connector {
  readonly name = 'closed';
  readonly supports = { atomicCommit: true, standby: true, partitions: true };
  readonly #code: 'CONNECTION_LOST' | 'CONFIG_INVALID';
  calls = 0;

  constructor(code: 'CONNECTION_LOST' | 'CONFIG_INVALID' = 'CONNECTION_LOST') {
    this.#code = code;
  }

  openSession(): Promise<never> {
    this.calls += 1;
    // Would go on for ever in one turn; a test could not even run into its limit.
    const code = this.calls > CALLS_MAX ? 'CONFIG_INVALID' : this.#code;
    return Promise.reject(new PulsesError(code, 'the connector was closed'));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

describe('a member whose connector was closed under it', () => {
  it('lets the event loop go on, and ends', async () => {
    const connector = new ClosedConnector();
    const member = new GroupMember(connector, 'source');
    await turn();
    await turn();
    expect(connector.calls).toBeLessThan(CALLS_MAX);
    await member.leave();
  });

  it('ends whoever waits for its work', async () => {
    const member = new GroupMember(new ClosedConnector(), 'source');
    member.throwIfEnded();
    await member.end();
    expect(() => {
      member.throwIfEnded();
    }).toThrow('the member has left');
  });
});

describe('a member that fails for good', () => {
  it('tells why while it works and when it leaves, but not to a test that is over', async () => {
    const member = new GroupMember(new ClosedConnector('CONFIG_INVALID'), 'source');
    await turn();
    expect(() => {
      member.throwIfEnded();
    }).toThrow('the connector was closed');
    await member.end();
    await expect(member.leave()).rejects.toThrow('the connector was closed');
  });
});
