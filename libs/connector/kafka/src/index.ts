export type { JoinGroup } from './group/membership';
export type { Cluster } from './protocol/cluster';
