// The version of the program, written into the bundle when it is built.

declare const PULSES_VERSION: string | undefined;

export const version: string = typeof PULSES_VERSION === 'string' ? PULSES_VERSION : '0.0.0-unbundled';
