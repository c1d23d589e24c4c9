// Wires a broker: storage first, then the listener, then readiness.

import { openSegmentLog, type FsyncPolicy, type SegmentLog } from '@pulses/broker-segment-log';
import { ReadableFiles } from '@pulses/broker-export';
import { createBrokerServer, type ServerObserver } from '@pulses/broker-server';
import { PulsesError } from '@pulses/shared-errors';
import { nodeClock, nodeFileSystem, nodeNetwork, nodeRandom } from '@pulses/shared-node-platform';
import { TOPIC_KINDS, topicKindNumber } from '@pulses/shared-pulse-model';
import type { FileSystem, Logger, TlsServerOptions } from '@pulses/shared-ports';
import {
  createMetrics,
  startHttpServer,
  watchReadiness,
  type Metrics,
  type Readiness,
} from '@pulses/shared-monitoring';
import { version } from '@pulses/shared-process';
import { assertSafeBind, type Service, type ServiceHost } from '@pulses/shared-service-host';
import { listenError, type SettingsOf } from '@pulses/shared-settings';
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { countedWrites } from './counted-writes';
import { checkRetentionBytes, retentionIntervalMs, segmentAgeMs } from './retention-setting';
import type { brokerSettings } from './settings';
import { freeBytesOf, roomIn, StorageWatch } from './storage-watch';

export type BrokerSettings = SettingsOf<typeof brokerSettings>;

/** Error codes for a path that can't be a data directory; SQLite holds the lock. */
const UNUSABLE_DIRECTORY = new Set([
  'EACCES',
  'EEXIST',
  'ENOENT',
  'ENOTDIR',
  'EPERM',
  'EROFS',
  'ENAMETOOLONG',
  'ERR_SQLITE_ERROR',
]);
/** A log ahead of the clock by this much is worth a line. */
const CLOCK_AHEAD_MS = 5_000;
/** A certificate with less time left is worth a line. */
const EXPIRY_NOTICE_MS = 7 * 24 * 3_600_000;
/** Topics that readable files are kept of, unless they are asked for. */
const READABLE_TOPICS_MAX = 1_000;
/** Time for pending requests after a stop, which may take 10 s in all. */
const CLOSE_GRACE_MS = 5_000;

/** @throws PulsesError for anything that keeps the broker from serving */
export async function startBroker(
  settings: BrokerSettings,
  logger: Logger,
  host: ServiceHost<BrokerSettings>,
): Promise<Service> {
  assertSafe(settings);
  checkRetentionBytes(settings.retentionBytes, settings.segmentBytes);
  const tls = await readTls(settings, logger);
  const metrics = createMetrics(nodeClock);
  metrics.observedCounter(
    'pulses_log_lines_dropped_total',
    'Log lines that could not be written.',
    host.logLinesDropped,
  );
  const written = metrics.counter(
    'pulses_disk_written_bytes_total',
    'Bytes written to files of the data directory, in blocks of 4 KiB.',
  );
  const fileSystem = countedWrites(nodeFileSystem, (bytes) => {
    written.inc(bytes);
  });
  const storage = new StorageWatch({
    clock: nodeClock,
    freeBytes: () => freeBytesOf(settings.dataDir),
  });
  metrics.observedGauge(
    'pulses_storage_writable',
    '1 while the data directory is there and its disk has room, else 0.',
    () => (storage.readiness().ready ? 1 : 0),
  );
  let readiness: Readiness = { ready: false, reason: 'recovering the data directory' };
  const readinessNow = () => (readiness.ready ? storage.readiness() : readiness);
  const http = await startHttpServer({
    settings,
    metrics,
    readiness: readinessNow,
  });
  const watch = watchReadiness(readinessNow, logger, nodeClock);

  let log: SegmentLog | undefined;
  let files: ReadableFiles | undefined;
  try {
    log = await openLog(settings, logger, metrics, storage, fileSystem).catch((error: unknown) => {
      throw asSettingError(error, settings.dataDir);
    });
    const opened = log;
    const failure: { error?: Error } = {};
    void log.failed.then((error) => {
      failure.error = error;
      readiness = { ready: false, reason: error.message };
    });
    storage.start();
    metrics.observedGauge(
      'pulses_log_clock_ahead_seconds',
      'Lead of the log over the clock.',
      () => Math.max(0, opened.clockMs() - nodeClock.nowMs()) / 1000,
    );
    metrics.observedGauge('pulses_producers', 'Producers that are known.', () => opened.producerCount);
    metrics.observedGauge('pulses_producers_max', 'Limit of known producers.', () => opened.producersMax);
    metrics.observedGauge(
      'pulses_unsealed_bytes',
      'Bytes of full journal segments that wait to be sealed.',
      () => opened.unsealedBytes,
    );
    const server = createBrokerServer({
      log,
      network: nodeNetwork,
      clock: nodeClock,
      logger,
      observer: observerOf(metrics),
      serverName: `pulses-broker/${version}`,
      limits: { connectionsMax: settings.connectionsMax },
      producerExpiryMs: settings.producerExpiryMs,
      ...(settings.groupExpiry === 'off' ? {} : { groupExpiryMs: settings.groupExpiry }),
      ...(settings.authToken === undefined ? {} : { authToken: settings.authToken }),
    });
    const port = await listen(server, settings, tls);
    host.onReload(async () => {
      const fresh = host.rereadSettings();
      const certificate = await readTls(fresh, logger);
      if (certificate !== undefined) server.setCertificate(certificate);
      server.setAuthToken(fresh.authToken);
      http.setAuthToken(fresh.authToken);
    });
    // Damage is found while the start continues.
    if (failure.error !== undefined) {
      await server.close(0);
      throw failure.error;
    }
    readiness = { ready: true };
    files = readableFilesOf(settings, opened, logger, fileSystem);
    files?.start();
    warnOfClock(opened.clockMs() - nodeClock.nowMs(), logger);
    logger.info(
      { host: settings.host, port, httpPort: http.port, dataDir: settings.dataDir, fsync: settings.fsync },
      'broker ready',
    );
    return {
      finished: log.failed.then((error) => {
        throw error;
      }),
      stop: async () => {
        readiness = { ready: false, reason: 'stopping' };
        watch.stop();
        storage.stop();
        await server.close(CLOSE_GRACE_MS);
        await files?.stop();
        await opened.close();
        await http.close();
      },
    };
  } catch (error) {
    watch.stop();
    storage.stop();
    await files?.stop();
    await log?.close();
    await http.close();
    throw error;
  }
}

/** Undefined when none are kept. */
function readableFilesOf(
  settings: BrokerSettings,
  log: SegmentLog,
  logger: Logger,
  fileSystem: FileSystem,
): ReadableFiles | undefined {
  const { readableFiles, dataDir } = settings;
  if (readableFiles === 'off') return undefined;
  return new ReadableFiles({
    log,
    fileSystem,
    clock: nodeClock,
    logger,
    directory: join(dataDir, 'topics'),
    topicsMax: readableFiles === 'auto' ? READABLE_TOPICS_MAX : Infinity,
    freeBytes: () => roomIn(dataDir),
  });
}

/** Until real time catches up no message has a later time, so no window closes. */
function warnOfClock(aheadMs: number, logger: Logger): void {
  if (aheadMs >= CLOCK_AHEAD_MS)
    logger.warn(
      { seconds: Math.round(aheadMs / 1000) },
      "the log's time is ahead of the clock: no window closes until the clock catches up",
    );
}

function assertSafe(settings: BrokerSettings): void {
  const { host, httpHost, insecureBind, tlsCertFile, tlsKeyFile, authToken } = settings;
  if ((tlsCertFile === undefined) !== (tlsKeyFile === undefined))
    throw new PulsesError(
      'CONFIG_INVALID',
      '--tls-cert-file and --tls-key-file: only one is given; allowed: both or none',
    );
  assertSafeBind({
    flag: 'host',
    host,
    protected: tlsCertFile !== undefined && authToken !== undefined,
    insecureBind,
    remedy: '--tls-cert-file, --tls-key-file and --auth-token-file together',
  });
  assertSafeBind({ flag: 'http-host', host: httpHost, protected: false, insecureBind, remedy: 'a proxy of your own' });
}

async function readTls(
  { tlsCertFile, tlsKeyFile }: BrokerSettings,
  logger: Logger,
): Promise<TlsServerOptions | undefined> {
  if (tlsCertFile === undefined || tlsKeyFile === undefined) return undefined;
  const certificatePem = await readPem('tls-cert-file', tlsCertFile);
  const privateKeyPem = await readPem('tls-key-file', tlsKeyFile);
  try {
    createSecureContext({ cert: certificatePem, key: privateKeyPem });
  } catch (error) {
    throw new PulsesError(
      'CONFIG_INVALID',
      `--tls-cert-file and --tls-key-file: '${tlsCertFile}' and '${tlsKeyFile}' are not valid: ` +
        `a certificate and its key in PEM (${(error as Error).message})`,
    );
  }
  warnOfExpiry(certificatePem, logger);
  return { certificatePem, privateKeyPem };
}

function warnOfExpiry(certificatePem: string, logger: Logger): void {
  const { validTo } = new X509Certificate(certificatePem);
  const leftMs = Date.parse(validTo) - nodeClock.nowMs();
  if (leftMs < 0) logger.warn({ validTo }, 'the TLS certificate has expired: clients refuse it');
  else if (leftMs < EXPIRY_NOTICE_MS) logger.warn({ validTo }, 'the TLS certificate expires soon');
}

async function readPem(flag: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code = 'unreadable' } = error as NodeJS.ErrnoException;
    throw new PulsesError('CONFIG_INVALID', `--${flag}: '${path}' is not valid: a file that can be read (${code})`);
  }
}

function openLog(
  settings: BrokerSettings,
  logger: Logger,
  metrics: Metrics,
  storage: StorageWatch,
  fileSystem: FileSystem,
): Promise<SegmentLog> {
  const appended = metrics.labelledCounter(
    'pulses_appended_total',
    'Messages made durable.',
    'topic_kind',
    TOPIC_KINDS,
  );
  const trimmed = metrics.labelledCounter(
    'pulses_retention_removed_total',
    'Messages removed by retention.',
    'topic_kind',
    TOPIC_KINDS,
  );
  const fsyncSeconds = metrics.secondsHistogram(
    'pulses_fsync_seconds',
    'Duration of making one group of commits durable.',
  );
  return openSegmentLog({
    fileSystem,
    clock: nodeClock,
    random: nodeRandom,
    directory: settings.dataDir,
    options: {
      fsync: fsyncPolicyOf(settings),
      journalMode: settings.journalMode,
      segmentBytesMax: settings.segmentBytes,
      segmentAgeMaxMs: segmentAgeMs(settings.retentionAge),
      tailBytesMax: settings.tailBytes,
      retentionIntervalMs: retentionIntervalMs(settings.retentionAge),
    },
    kindOf: topicKindNumber,
    retention: (number) => {
      const kind = TOPIC_KINDS[number]!; // the log's numbers of kinds
      const keepsUnread = kind === 'source' && settings.retentionUnread === 'keep';
      return { ageMs: settings.retentionAge[kind], bytes: settings.retentionBytes[kind], keepsUnread };
    },
    logger,
    metrics: {
      fsynced: (seconds) => {
        fsyncSeconds.observe(seconds);
      },
      storageFull: () => {
        storage.refused();
      },
      trimmed: (kind, recordCount) => {
        trimmed[TOPIC_KINDS[kind]!].inc(recordCount); // the log's numbers of kinds
      },
      appended: (kind, recordCount) => {
        appended[TOPIC_KINDS[kind]!].inc(recordCount); // the log's numbers of kinds
        storage.stored();
      },
    },
  });
}

/** A directory that can't be used is a bad setting; other errors pass through. */
function asSettingError(error: unknown, dataDir: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof PulsesError || code === undefined || !UNUSABLE_DIRECTORY.has(code)) return error;
  return new PulsesError(
    'CONFIG_INVALID',
    `--data-dir: '${dataDir}' is not valid: a directory that this user can write (${code})`,
    {
      cause: error,
    },
  );
}

function fsyncPolicyOf({ fsync, fsyncIntervalMs }: BrokerSettings): FsyncPolicy {
  return fsync === 'interval' ? { mode: 'interval', intervalMs: fsyncIntervalMs } : { mode: fsync };
}

function observerOf(metrics: Metrics): Partial<ServerObserver> {
  const refused = metrics.labelledCounter('pulses_connections_refused_total', 'Connections rejected.', 'reason', [
    'opening',
    'unauthenticated',
    'malformed',
    'overloaded',
  ]);
  const linesRefused = metrics.counter(
    'pulses_lines_refused_total',
    'Lines of the line protocol rejected as too long.',
  );
  const slowReaders = metrics.counter('pulses_slow_readers_total', 'Slow consumers: readers that stopped taking data.');
  const groupsExpired = metrics.counter('pulses_groups_expired_total', 'Idle consumer groups removed.');
  const connections = metrics.gauge('pulses_connections', 'Open connections.');
  let open = 0;
  return {
    connectionOpened: () => {
      connections.set((open += 1));
    },
    connectionClosed: () => {
      connections.set((open -= 1));
    },
    connectionRefused: (reason) => {
      refused[reason].inc();
    },
    lineRefused: () => {
      linesRefused.inc();
    },
    groupExpired: () => {
      groupsExpired.inc();
    },
    slowReader: () => {
      slowReaders.inc();
    },
  };
}

async function listen(
  server: ReturnType<typeof createBrokerServer>,
  { host, port }: BrokerSettings,
  tls: TlsServerOptions | undefined,
): Promise<number> {
  try {
    return await server.listen({ host, port, ...(tls === undefined ? {} : { tls }) });
  } catch (error) {
    const { code, syscall } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
    if (code === undefined || syscall === undefined) throw error;
    throw listenError(code, { host, port, hostFlag: 'host', portFlag: 'port' });
  }
}
