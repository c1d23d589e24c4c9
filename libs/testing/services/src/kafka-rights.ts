// Rights of a user on a Kafka for tests that has `acls`.

import type { Acl } from '@platformatic/kafka';
import { until } from '@pulses/testing-processes';
import { randomUUID } from 'node:crypto';

export type KafkaResource = 'TOPIC' | 'GROUP' | 'TRANSACTIONAL_ID' | 'CLUSTER';
export type KafkaOperation = 'READ' | 'WRITE' | 'CREATE' | 'DESCRIBE' | 'DESCRIBE_CONFIGS';

export interface KafkaRights {
  /** Resolves once the brokers know. @param name of the resource; one that ends with `*` is a prefix */
  grant(user: string, resource: KafkaResource, name: string, operations: readonly KafkaOperation[]): Promise<void>;
  /** Takes back what was granted in the same words. */
  revoke(user: string, resource: KafkaResource, name: string, operations: readonly KafkaOperation[]): Promise<void>;
  close(): Promise<void>;
}

/** @param brokers of the PLAINTEXT listener */
export async function kafkaRights(brokers: string): Promise<KafkaRights> {
  const { Admin, AclOperations, AclPermissionTypes, ResourcePatternTypes, ResourceTypes } =
    await import('@platformatic/kafka');
  const admin = new Admin({ clientId: `test-${randomUUID()}`, bootstrapBrokers: brokers.split(',') });
  const aclsOf = (user: string, resource: KafkaResource, name: string, operations: readonly KafkaOperation[]) =>
    operations.map((operation): Acl => ({
      resourceType: ResourceTypes[resource],
      resourceName: name.replace(/\*$/, ''),
      resourcePatternType: name.endsWith('*') ? ResourcePatternTypes.PREFIXED : ResourcePatternTypes.LITERAL,
      principal: `User:${user}`,
      host: '*',
      operation: AclOperations[operation],
      permissionType: AclPermissionTypes.ALLOW,
    }));
  // The brokers hear of rules from the controller.
  const untilKnown = async (acls: readonly Acl[], isThere: boolean) => {
    for (const filter of acls) await until(async () => (await admin.describeAcls({ filter })).length > 0 === isThere);
  };
  return {
    async grant(...right) {
      const creations = aclsOf(...right);
      await admin.createAcls({ creations });
      await untilKnown(creations, true);
    },
    async revoke(...right) {
      const filters = aclsOf(...right);
      await admin.deleteAcls({ filters });
      await untilKnown(filters, false);
    },
    close: () => admin.close(),
  };
}
