export { Exporter, type ExportTotals } from './exporter';
export type { ExportSource } from './export-source';
export { ReadableFiles } from './readable-files';
