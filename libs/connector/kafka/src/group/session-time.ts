// How long the brokers wait for a member that has crashed. With KIP-848 they decide, by default on longer than we promise.

import { ConfigResourceTypes, describeConfigsV4 } from '@platformatic/kafka';
import type { Cluster } from '../protocol/cluster';

/** A standby takes over within it. */
const TAKEOVER_MS_MAX = 10_000;
const SETTING = 'consumer.session.timeout.ms';

/** A line for the user when a takeover will take longer than promised; undefined also when the brokers do not tell. */
export async function sessionTimeWarning(cluster: Cluster, group: string): Promise<string | undefined> {
  const resource = { resourceType: ConfigResourceTypes.GROUP, resourceName: group, configurationKeys: [SETTING] };
  const told = await cluster
    .toCoordinator('group', group, (connection) => describeConfigsV4.api.async(connection, [resource], false, false))
    .catch(() => undefined);
  const sessionMs = Number(told?.results[0]?.configs.find(({ name }) => name === SETTING)?.value ?? 0);
  if (sessionMs <= TAKEOVER_MS_MAX) return undefined;
  return (
    `Kafka replaces a crashed member after ${sessionMs / 1_000} s: lower group.consumer.session.timeout.ms on the brokers, ` +
    'or set --kafka-group-protocol classic'
  );
}
