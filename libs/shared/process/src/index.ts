export { beginService } from './begin-service';
export { holdSignals } from './early-signals';
export { errorLine, exitCodeOf } from './exit-code';
export { nodeProcess, type ErrorTerminal, type ProcessPort } from './process-port';
export { version } from './version';
