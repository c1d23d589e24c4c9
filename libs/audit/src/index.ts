export { runSkimThread, skimInThread, type ConnectReaders } from './actual/skim-thread';
export type { UncheckedRange } from './compare/coverage';
export type { Finding } from './compare/findings';
export { runAudit, type AuditProgress, type AuditReport } from './run-audit';
