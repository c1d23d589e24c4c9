export { inspectDataDirectory, type InspectOptions, type Inspection, type InspectionSummary } from './inspect';
export { repairDataDirectory, type RepairOptions } from './repair';
export type { LostRange, Repair } from './repair-types';
export type { Finding, LostMessages } from './report';
export type { SurveyProgress } from './survey';
