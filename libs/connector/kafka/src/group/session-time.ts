// How long the brokers wait for a member that has crashed. With KIP-848 they decide, by default on longer than we promise.

import { ConfigResourceTypes, describeConfigsV4 } from '@platformatic/kafka';
import { isPulsesError } from '@pulses/shared-errors';
import type { Cluster } from '../protocol/cluster';

/** A standby takes over within it. */
export const TAKEOVER_MS_MAX = 10_000;
const SETTING = 'consumer.session.timeout.ms';

/**
 * The session time-out of a group's members with KIP-848; undefined when the brokers do not tell, for instance for lack of a
 * right.
 * @throws PulsesError of a failure that may pass
 */
export async function consumerSessionMs(cluster: Cluster, group: string): Promise<number | undefined> {
  const resource = { resourceType: ConfigResourceTypes.GROUP, resourceName: group, configurationKeys: [SETTING] };
  try {
    const told = await cluster.toCoordinator('group', group, (connection) =>
      describeConfigsV4.api.async(connection, [resource], false, false),
    );
    const value = Number(told.results[0]?.configs.find(({ name }) => name === SETTING)?.value);
    return value > 0 ? value : undefined;
  } catch (error) {
    if (isPulsesError(error, 'CONNECTION_LOST') || isPulsesError(error, 'TIMED_OUT')) throw error;
    return undefined;
  }
}
