export { connectRaw, lines, produce, RecordingClient, type RawClient } from './recording-client';
export { connectWire, ConnectionEnded, type ResponseOf, type WireClient, type WireStream } from './wire-client';
