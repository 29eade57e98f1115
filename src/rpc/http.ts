import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Reply } from './dispatcher.ts';
import { piecesOf } from './pieces.ts';

/** Answers to immutable questions, as CometBFT marks them. */
const IMMUTABLE = 'public, max-age=86400';

/** A page of another site that embeds an address of ours (an image, a script) sends no Origin, but says so here. */
export function isForeignSubresource(request: IncomingMessage): boolean {
  const { headers } = request;
  if (headers.origin !== undefined || headers['sec-fetch-site'] !== 'cross-site') return false;
  return headers['sec-fetch-mode'] !== 'navigate';
}

/** Other content types are what a form or a script of another site may send without asking. */
export function isJson({ headers }: IncomingMessage): boolean {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') return false;
  const type = headers['content-type'];
  if (type === undefined || type === 'application/json') return true;
  const [name] = type.split(';');
  return name?.trim().toLowerCase() === 'application/json';
}

export function setCorsHeaders(response: ServerResponse, origin: string): void {
  response.setHeader('Access-Control-Allow-Origin', origin);
  response.setHeader('Access-Control-Allow-Methods', 'HEAD, GET, POST, OPTIONS');
  response.setHeader('Access-Control-Allow-Headers', 'Origin, Accept, Content-Type, X-Requested-With, X-Server-Time');
  response.setHeader('Vary', 'Origin');
}

/** How a reply is sent. */
export interface Sending {
  /** Milliseconds in which the system must take a piece: else its client does not read, and loses its connection. */
  readonly timeoutMs: number;
  /** The system took a piece. */
  readonly onProgress: () => void;
}

export function sendReply(response: ServerResponse, reply: Reply, sending: Sending): void {
  // The client left while it was answered.
  if (response.destroyed) return;
  const { status, text } = reply;
  if (text === '') {
    response.writeHead(status, { 'Content-Length': 0 }).end();
    return;
  }
  const body = Buffer.from(text);
  const headers = reply.cacheable
    ? { 'Content-Type': 'application/json', 'Cache-Control': IMMUTABLE, 'Content-Length': body.length }
    : { 'Content-Type': 'application/json', 'Content-Length': body.length };
  response.writeHead(status, headers);
  sendPieces(response, piecesOf([body]), sending);
}

/** Each when the system took the one before. The last one's time is `limitEnd`'s. */
function sendPieces(response: ServerResponse, pieces: readonly Buffer[], sending: Sending): void {
  const [piece, ...rest] = pieces;
  if (rest.length === 0) {
    response.end(piece);
    return;
  }
  const timer = setTimeout(() => response.destroy(), sending.timeoutMs);
  response.write(piece, (error) => {
    clearTimeout(timer);
    if (error) return;
    sending.onProgress();
    sendPieces(response, rest, sending);
  });
}

/** Ends the connection when the system does not take the end of an answer in time. */
export function limitEnd(response: ServerResponse, timeoutMs: number): void {
  let timer: NodeJS.Timeout | undefined;
  response.once('prefinish', () => {
    timer = setTimeout(() => response.destroy(), timeoutMs);
  });
  response.once('close', () => clearTimeout(timer));
}

export function refuseMethod(response: ServerResponse): void {
  response.setHeader('Allow', 'GET, HEAD, POST, OPTIONS');
  sendText(response, 405, 'method not allowed; use GET or POST\n');
}

export function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
  });
  response.end(text);
}
