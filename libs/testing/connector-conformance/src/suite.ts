// The state that the scenarios share: one system, and for each test a topic and a connector of its own.

import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import type { Connector, Session } from '@pulses/connector-api';
import { GroupMember } from './group-member';
import type { ConnectorHarness } from './harness';
import { openSession } from './session-probe';

const SOURCE_MESSAGES = 50;

/** Valid while a test runs. */
export interface ConnectorSuite {
  readonly harness: ConnectorHarness;
  readonly connector: Connector;
  /** A source topic that no other test uses; also fit as a part of a tenant's name. */
  readonly topic: string;
  /** Aborts when the test is over, also one that ran into its limit: what it still waits for ends then. */
  readonly signal: AbortSignal;
  /** A further connector, closed after the test. */
  another(create?: () => Connector): Connector;
  /** A member on the topic with a connector of its own, ended after the test. */
  member(): GroupMember;
  /** Opens a session that is expected to become active at once. */
  open(from?: Connector): Promise<Session>;
  /** Opens a session on a source of `SOURCE_MESSAGES` messages: a position lies within its source. */
  openOnFilled(from?: Connector): Promise<Session>;
}

/** Declares the hooks that bring the system up and down. */
export function useConnectorSuite(start: () => Promise<ConnectorHarness>): ConnectorSuite {
  let starting: Promise<ConnectorHarness> | undefined;
  let harness: ConnectorHarness;
  let connectors: Connector[] = [];
  let members: GroupMember[] = [];
  let running = new AbortController();
  let topics = 0;

  beforeAll(async () => {
    starting = start();
    harness = await starting;
  });
  beforeEach(() => {
    topics += 1;
    connectors = [harness.createConnector()];
    members = [];
    running = new AbortController();
  });
  afterEach(async () => {
    running.abort(new Error('the test is over'));
    // A member would take a connector that is closed under it for one that may come back.
    await Promise.all(members.map((member) => member.end()));
    await Promise.all(connectors.map((connector) => connector.close()));
  });
  afterAll(async () => {
    // A system that came up too late is closed, too.
    await (await starting)?.close();
  });

  const suite: ConnectorSuite = {
    get harness() {
      return harness;
    },
    get connector() {
      return connectors[0] as Connector;
    },
    get topic() {
      return `source-conformance-${topics}`;
    },
    get signal() {
      return running.signal;
    },
    another(create = () => harness.createConnector()) {
      const connector = create();
      connectors.push(connector);
      return connector;
    },
    member() {
      const member = new GroupMember(harness.createConnector(), suite.topic);
      members.push(member);
      return member;
    },
    open: (from = suite.connector) => openSession(from, suite.topic),
    async openOnFilled(from = suite.connector) {
      const messages = Array.from({ length: SOURCE_MESSAGES }, (_, offset) => Buffer.from(`${offset}`));
      await harness.publish(suite.topic, messages);
      return await suite.open(from);
    },
  };
  return suite;
}
