// Which kind of project may import which: the table of docs/architecture.md, as lint reads it.

const TYPE_RULES = {
  app: ['feature', 'adapter', 'contract', 'util'],
  feature: ['feature', 'contract', 'util'],
  adapter: ['contract', 'util'],
  contract: ['contract'],
  util: ['contract', 'util'],
  testing: ['contract', 'util', 'testing'],
  e2e: ['contract', 'testing'],
};

const SCOPE_RULES = {
  shared: ['shared'],
  broker: ['broker', 'shared'],
  // connector-fs speaks broker-wire; the type rules keep it off the broker's log and server.
  connector: ['connector', 'broker', 'shared'],
  aggregation: ['aggregation', 'shared'],
  stream: ['stream', 'connector', 'aggregation', 'shared'],
  ingestor: ['stream', 'connector', 'aggregation', 'shared'],
  'stub-generator': ['connector', 'shared'],
  cli: ['connector', 'broker', 'aggregation', 'shared'],
  testing: ['testing', 'broker', 'connector', 'aggregation', 'stream', 'shared'],
};

export const TYPES = Object.keys(TYPE_RULES);
export const SCOPES = Object.keys(SCOPE_RULES);

/** Client libraries and the one project that may import each. */
const OWNED_PACKAGES = { ioredis: 'aggregation-redis', kafkajs: 'connector-kafka', nats: 'connector-nats' };

/**
 * The `depConstraints` of @nx/enforce-module-boundaries.
 * @param {{ testFiles: boolean }} options test and bench files may also use `type:testing` projects of any scope
 */
export function depConstraints({ testFiles }) {
  const extra = testFiles ? ['testing'] : [];
  return [
    ...Object.entries(TYPE_RULES).map(([type, allowed]) => ({
      sourceTag: `type:${type}`,
      onlyDependOnLibsWithTags: [...new Set([...allowed, ...extra])].map((name) => `type:${name}`),
    })),
    ...Object.entries(SCOPE_RULES).map(([scope, allowed]) => ({
      sourceTag: `scope:${scope}`,
      onlyDependOnLibsWithTags: [...new Set([...allowed, ...extra])].map((name) => `scope:${name}`),
      bannedExternalImports: Object.keys(OWNED_PACKAGES),
    })),
  ];
}
