// Executes each request of the binary protocol. The streams of `fetch` are in fetch-streams.ts.

import type { Request, Response } from '@pulses/broker-wire';
import { isPulsesError } from '@pulses/shared-errors';
import { crc32 } from 'node:zlib';
import type { ServerContext } from '../context';
import type { MemberOwner } from '../groups/groups';
import { pageOfGroups, pageOfPositions } from './pages';

type StreamRequest = Extract<Request, { type: 'hello' | 'fetch' | 'credit' | 'stop-fetch' }>;

/** A connection: it owns its memberships. */
export interface Sender extends MemberOwner {
  /** The log's, when the client was greeted. */
  producerEra: number;
}

/** A request with one answer, which `perform` gives. */
export type PlainRequest = Exclude<Request, StreamRequest>;

/** Requests that change what is stored. The log executes them in the order of the calls. */
export function isMutation(request: Request): boolean {
  switch (request.type) {
    case 'produce':
    case 'retire-producer':
    case 'commit':
    case 'create-topic':
    case 'delete-topics':
    case 'delete-group':
    case 'delete-position':
      return true;
    default:
      return false;
  }
}

/** Requests that read what is stored, and so wait for the mutations sent before them. */
export function isRead(request: Request): boolean {
  switch (request.type) {
    case 'list-topics':
    case 'list-groups':
    case 'read-positions':
    case 'list-positions':
    case 'fetch':
    case 'scan':
      return true;
    default:
      return false;
  }
}

/**
 * Starts the request before it returns, so that requests take effect in the order of the calls.
 * @throws PulsesError, also as a rejection: the answer is then `error`
 */
export function perform(context: ServerContext, sender: Sender, request: PlainRequest): Response | Promise<Response> {
  const { log, groups } = context;
  switch (request.type) {
    case 'produce': {
      const { topic, recordCount, payload, payloadCrc } = request;
      const append = { topic, recordCount, payload, payloadCrc };
      return log.append(append, request.producer, sender.producerEra).then(
        (result) => ({ type: 'produced', ...result }),
        (error: unknown) => {
          if (request.producer.sequence === 0) warnOfProducers(context, topic, error);
          throw error;
        },
      );
    }
    case 'retire-producer':
      return log.retireProducer(request.id, request.epoch).then(done);
    case 'commit':
      groups.renew(request.group, request.groupEpoch);
      return log.commit(request).then((result) => ({ type: 'committed', ...result }));
    case 'read-positions':
      return log.positions(request.group, request.topic).then((positions) => ({ type: 'positions', positions }));
    case 'list-positions':
      return log
        .positions(request.group, request.topic)
        .then((all) => ({ type: 'positions-page', ...pageOfPositions(all, request) }));
    case 'scan':
      return scan(context, request);
    case 'list-topics': {
      const { prefix, after, limit } = request;
      return { type: 'topics', ...log.topics({ prefix, after, limit }) };
    }
    case 'create-topic':
      return log.createTopic(request.topic).then((topic) => ({ type: 'topic', topic }));
    case 'delete-topics':
      return log.deleteTopics(request.topics).then(done);
    case 'join-group':
    case 'join-as-publisher':
      return groups.join(sender, request).then((groupEpoch) => ({ type: 'group-joined', groupEpoch }));
    case 'list-groups':
      return log.groups().then((all) => ({ type: 'groups', ...pageOfGroups(all, request) }));
    case 'delete-group':
      return groups.delete(request.group).then((existed) => ({ type: 'group-deleted', existed }));
    case 'delete-position':
      groups.renew(request.group, request.groupEpoch);
      return log.deletePosition(request).then(done);
    case 'heartbeat':
      groups.renew(request.group, request.groupEpoch);
      return done();
    case 'leave-group':
      groups.leave(request.group, request.groupEpoch);
      return done();
    case 'ping':
      return { type: 'pong', clockMs: log.clockMs() };
  }
}

/** Takes its turn among all that read. */
async function scan(context: ServerContext, { like, from }: Extract<Request, { type: 'scan' }>): Promise<Response> {
  await context.readScheduler.take();
  const scanned = await context.log.scan(like, from, context.readBytes());
  return { type: 'scanned', ...scanned, payloadCrc: crc32(scanned.payload) };
}

/** A new producer was refused: it may be one too many. */
function warnOfProducers({ log, refusals }: ServerContext, topic: string, error: unknown): void {
  if (isPulsesError(error, 'OVERLOADED') && log.producerCount >= log.producersMax)
    refusals.warn({ topic }, `producer rejected: limit of ${log.producersMax} producers reached`);
}

function done(): Response {
  return { type: 'done' };
}
