export { createBrokerServer, type BrokerServer, type BrokerServerOptions } from './broker-server';
export type { ServerLogger } from './context';
export { type ServerLimits } from './limits/server-limits';
export type { ConnectionKind, RefusalReason, ServerObserver } from './observer';
