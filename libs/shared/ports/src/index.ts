export type { Clock, Timer } from './clock';
export type { DirectoryLock, FileHandle, FileSystem, OpenMode } from './file-system';
export { SILENT_LOGGER, type Logger } from './logger';
export type { Listener, Network, Socket, SocketHandlers, TlsClientOptions, TlsServerOptions } from './network';
export type { Random } from './random';
