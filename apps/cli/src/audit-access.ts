// How the audit, and its thread, reach the message system.

import type { ConnectReaders } from '@pulses/audit';
import { withConnections, type AccessSettings } from './connector-access';

/** The settings alone: they go to the thread as data. */
export function auditAccess(settings: AccessSettings): AccessSettings {
  return settings;
}

export const connectForAudit: ConnectReaders = (access, count, use) =>
  withConnections(access as AccessSettings, count, use); // as `auditAccess` made it
