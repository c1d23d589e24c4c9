export { ERROR_CATALOGUE, isErrorCode, type ErrorCode, type ErrorRow } from './catalogue';
export { PulsesError, isPulsesError } from './pulses-error';
