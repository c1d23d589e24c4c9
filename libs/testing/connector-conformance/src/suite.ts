// The state that the scenarios share: one system, and for each test a topic and a connector of its own.

import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import type { Connector, Session } from '@pulses/connector-api';
import type { ConnectorHarness } from './harness';
import { openSession } from './session-probe';

const SOURCE_MESSAGES = 50;

/** Valid while a test runs. */
export interface ConnectorSuite {
  readonly harness: ConnectorHarness;
  readonly connector: Connector;
  /** A source topic that no other test uses; also fit as a part of a tenant's name. */
  readonly topic: string;
  /** A further connector, closed after the test. */
  another(create?: () => Connector): Connector;
  /** Opens a session that is expected to become active at once. */
  open(from?: Connector): Promise<Session>;
  /** Opens a session on a source of `SOURCE_MESSAGES` messages: a position lies within its source. */
  openOnFilled(from?: Connector): Promise<Session>;
}

/** Declares the hooks that bring the system up and down. */
export function useConnectorSuite(start: () => Promise<ConnectorHarness>): ConnectorSuite {
  let harness: ConnectorHarness;
  let connectors: Connector[] = [];
  let topics = 0;

  beforeAll(async () => {
    harness = await start();
  });
  beforeEach(() => {
    topics += 1;
    connectors = [harness.createConnector()];
  });
  afterEach(async () => {
    await Promise.all(connectors.map((connector) => connector.close()));
  });
  afterAll(async () => {
    await harness.close();
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
    another(create = () => harness.createConnector()) {
      const connector = create();
      connectors.push(connector);
      return connector;
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
