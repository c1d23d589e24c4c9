export { runSkimThread, skimInThread } from './actual/skim-thread';
export type { Finding } from './compare/findings';
export { runAudit, type AuditProgress, type AuditReport } from './run-audit';
