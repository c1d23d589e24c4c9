// Health, readiness and metrics over HTTP.
//
// Guarantees: a probe is answered also while half-open and idle connections fill the port. A web page cannot read from it
// by DNS rebinding.
// Bounds: connections, header and body sizes, and the time a request may take.

import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { PulsesError } from '@pulses/shared-errors';
import { listenError } from '@pulses/shared-settings';
import { createServer } from 'node:http';
import { BearerToken } from './bearer-token';
import { ConnectionLimit } from './connection-limit';
import { createHostCheck } from './host-check';
import type { HttpSettings } from './http-settings';
import type { Metrics } from './metrics';

/** The answer of `GET /readyz`: 200 when ready, else 503 with the reason. */
export type Readiness =
  { readonly ready: true; readonly detail?: string } | { readonly ready: false; readonly reason: string };

export interface HttpServer {
  readonly port: number;
  /** Replaces the token that clients show. */
  setAuthToken(token: string | undefined): void;
  close(): Promise<void>;
}

/** A GET route of the app, answered with JSON. It asks for the token, unless --http-auth is off. */
export interface JsonRoute {
  readonly path: string;
  /** `query` has one value per name. */
  handle(query: Readonly<Record<string, string>>): Promise<{ status: number; body: unknown }>;
}

export interface HttpServerOptions {
  readonly settings: HttpSettings;
  readonly metrics: Metrics;
  readiness(): Readiness;
  readonly routes?: readonly JsonRoute[];
}

/** Of Node's server, in milliseconds. An answer takes 3 s at most. */
const TIMEOUTS = {
  headersTimeout: 3_000,
  requestTimeout: 5_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
} as const;
/** A client that takes none of its answer for this long is closed. */
const STALLED_MS = 10_000;
/** Room for what arrives in one turn of the loop, so that a request is read before newer connections close its own. */
const CONNECTIONS_MAX = 256;
const BODY_BYTES_MAX = 1024;

/** @throws PulsesError ADDRESS_IN_USE or CONFIG_INVALID, naming --http-port or --http-host */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { httpHost: host, httpPort: port, httpAllowedHosts = [], httpAuth = 'auto', authToken } = options.settings;
  if (httpAuth === 'on' && authToken === undefined)
    throw new PulsesError('CONFIG_INVALID', "--http-auth: 'on' needs a token; allowed: together with --auth-token");
  const token = new BearerToken(authToken);
  const [asksForRoutes, asksForMetrics] = [httpAuth !== 'off', httpAuth === 'on'];
  const app = createApp();
  app.addHook('onRequest', hostGuard([host, ...httpAllowedHosts]));
  app.get('/healthz', () => ({ status: 'ok' }));
  app.get('/readyz', (_request, reply) => sendReadiness(reply, options.readiness()));
  app.get('/metrics', { onRequest: asksForMetrics ? tokenGuard(token) : [] }, async (_request, reply) => {
    const { body, contentType } = await options.metrics.text();
    return reply.type(contentType).send(body);
  });
  for (const route of options.routes ?? [])
    app.get(route.path, { onRequest: asksForRoutes ? tokenGuard(token) : [] }, async (request, reply) => {
      const { status, body } = await route.handle(lastOfEach(request.query as Record<string, string | string[]>));
      return reply.code(status).send(body);
    });
  try {
    await app.listen({ host, port });
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    throw listenError(code, { host, port, hostFlag: 'http-host', portFlag: 'http-port' });
  }
  const address = app.server.address();
  return {
    port: address !== null && typeof address === 'object' ? address.port : port,
    setAuthToken: (fresh) => {
      token.set(fresh);
    },
    close: () => app.close(),
  };
}

function createApp(): FastifyInstance {
  const connections = new ConnectionLimit(CONNECTIONS_MAX);
  return fastify({
    bodyLimit: BODY_BYTES_MAX,
    forceCloseConnections: true,
    logger: false,
    exposeHeadRoutes: true,
    // For `localhost` there are two servers, one for each of its addresses.
    serverFactory: (handler) => {
      const server = createServer(TIMEOUTS, handler).setTimeout(STALLED_MS);
      connections.watch(server);
      return server;
    },
  });
}

type Guard = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

function hostGuard(names: readonly string[]): Guard {
  const isOwnHost = createHostCheck(names);
  return async (request, reply) => {
    const { host } = request.headers;
    // Every browser sends one; a load balancer's HTTP/1.0 probe may not.
    if (host === undefined || isOwnHost(host)) return;
    await reply
      .code(421)
      .send({ status: 'misdirected', reason: 'Host is no name of this service; see --http-allowed-hosts' });
  };
}

function tokenGuard(token: BearerToken): Guard {
  return async (request, reply) => {
    const challenge = token.challengeFor(request.headers.authorization);
    if (challenge === undefined) return;
    await reply
      .code(401)
      .header('www-authenticate', challenge)
      .send({ status: 'unauthorized', reason: 'the bearer token of --auth-token is needed' });
  };
}

function sendReadiness(reply: FastifyReply, readiness: Readiness): FastifyReply {
  if (!readiness.ready) return reply.code(503).send({ status: 'not ready', reason: readiness.reason });
  const { detail } = readiness;
  return reply.send({ status: 'ready', ...(detail === undefined ? {} : { detail }) });
}

/** Keeps the last value of a repeated name in a query, as with flags. */
function lastOfEach(query: Readonly<Record<string, string | string[]>>): Record<string, string> {
  return Object.fromEntries(Object.entries(query).map(([name, value]) => [name, [value].flat().at(-1) ?? '']));
}
