// The connectors that an ingestor can use, by their name in --connector.
//
// A new connector is one line in CONNECTORS: its adapter exports its settings, and a call that makes its parts from
// them. Names of settings are shared by all connectors; two different settings of one name fail at the start.

import type { ConnectorContext, ConnectorParts, ConnectorTools, ToolsContext } from '@pulses/connector-api';
import { fsConnector } from '@pulses/connector-fs';
import { kafkaConnector } from '@pulses/connector-kafka';
import { natsConnector } from '@pulses/connector-nats';
import { PulsesError } from '@pulses/shared-errors';
import { mergeSettings, type SettingsDefinition, type SettingsOf } from '@pulses/shared-settings';

interface Registration {
  readonly settings: SettingsDefinition;
  /** Takes the values of its settings; `openConnector` checks that they fit. */
  open(settings: never, context: ConnectorContext, reread?: () => never): Promise<ConnectorParts>;
  openTools?(settings: never, context: ToolsContext, reread?: () => never): Promise<ConnectorTools>;
}

const CONNECTORS = {
  fs: fsConnector,
  kafka: kafkaConnector,
  nats: natsConnector,
} satisfies Readonly<Record<string, Registration>>;

export type ConnectorName = keyof typeof CONNECTORS;

export const connectorNames = Object.keys(CONNECTORS) as readonly ConnectorName[];

/** Settings that programs use for more than a connector: the token of a broker is that of HTTP too. */
const USED_BY_ALL: ReadonlySet<string> = new Set<keyof typeof fsConnector.settings>(['authToken']);

/** The settings of every connector. The flag of one has no effect with another --connector, and is refused. */
export const connectorSettings = mergeSettings(
  Object.entries(CONNECTORS).map(([name, { settings }]) => onlyWith(name, settings)),
);

function onlyWith<Definition extends SettingsDefinition>(connector: string, settings: Definition): Definition {
  const condition = { flag: 'connector', choice: connector };
  const own = Object.entries(settings).map(([key, setting]) =>
    USED_BY_ALL.has(key) ? [key, setting] : [key, { ...setting, onlyWith: condition }],
  );
  return Object.fromEntries(own) as Definition;
}

/**
 * @param reread reads the settings again, for a token that is refused
 * @throws PulsesError CONFIG_INVALID for a setting that can't be met; waits for no server
 */
export function openConnector(
  name: ConnectorName,
  settings: SettingsOf<typeof connectorSettings>,
  context: ConnectorContext,
  reread?: () => SettingsOf<typeof connectorSettings>,
): Promise<ConnectorParts> {
  return CONNECTORS[name].open(settings, context, reread);
}

/** The tools' side. Otherwise as `openConnector`. @throws PulsesError CONFIG_INVALID also for a connector without tools */
export async function openTools(
  name: ConnectorName,
  settings: SettingsOf<typeof connectorSettings>,
  context: ToolsContext,
  reread?: () => SettingsOf<typeof connectorSettings>,
): Promise<ConnectorTools> {
  const { openTools: open }: Registration = CONNECTORS[name];
  if (open === undefined)
    throw new PulsesError('CONFIG_INVALID', `--connector: '${name}' is not valid: it has no tools`);
  return await open(settings as never, context, reread as (() => never) | undefined);
}
