// From a connected socket to an open stream: RFC 6120 sections 4 and 5 as the initiating side, up to the point from which
// everything is between client and server.

import type { Socket } from 'node:net';
import type { Ending, StreamEnd } from '../stream/end.js';
import { type TcpOptions, TcpStream } from '../tcp/stream.js';
import type { StreamHeader } from '../xmpp/header.js';
import { NS } from '../xmpp/ns.js';
import { Stanza } from '../xmpp/stanza.js';
import { offersStarttls } from './features.js';
import type { TlsMode } from './options.js';
import { Unreachable, unreachable } from './unreachable.js';

const STARTTLS = new Stanza(Buffer.from(`<starttls xmlns='${NS.tls}'/>`));

export interface Negotiated {
  /** Called when the stream is open, inside the event that opened it; `peer` of the stream is to be set there. */
  opened(stream: TcpStream, header: StreamHeader, features: Stanza | undefined): void;
  failed(failure: Unreachable): void;
}

export interface NegotiationOptions {
  readonly header: StreamHeader;
  /** How this socket is to be secured; `none` also where it already is. */
  readonly tls: Exclude<TlsMode, 'direct'>;
  readonly tcp: TcpOptions;
  readonly secure: (socket: Socket) => Promise<Socket>;
}

/** Says to `result` either that the stream is open or that it failed, once. */
export class Negotiation implements StreamEnd {
  readonly stream: TcpStream;
  readonly #options: NegotiationOptions;
  readonly #result: Negotiated;
  #awaits: 'header' | 'features' | 'proceed' | 'tls' | 'nothing' = 'header';
  #header: StreamHeader = {};
  #encrypted: boolean;
  #detached: Socket | undefined;

  constructor(socket: Socket, options: NegotiationOptions, result: Negotiated) {
    this.#options = options;
    this.#result = result;
    this.#encrypted = options.tls === 'none';
    this.stream = new TcpStream(socket, this, options.tcp);
    this.stream.open(this.#firstHeader());
  }

  /** Gives up: nothing will be said to `result` any more. */
  abort(): void {
    this.#awaits = 'nothing';
    this.#detached?.destroy();
    this.stream.close({ how: 'lost' });
  }

  /** A client's name is not for everybody on the way: `from` waits for TLS where TLS is required (section 4.7.1). */
  #firstHeader(): StreamHeader {
    const { header, tls } = this.#options;
    if (tls === 'none') return header;
    return { ...header, version: header.version ?? '1.0', from: tls === 'optional' ? header.from : undefined };
  }

  open(header: StreamHeader): void {
    this.#header = header;
    if (this.#awaits !== 'header') this.#fail(new Unreachable('protocol', 'a second stream header'));
    else if (this.#encrypted) this.#done();
    else if (header.version === undefined || header.version.startsWith('0')) this.#unsecured(undefined);
    else this.#awaits = 'features';
  }

  stanza(stanza: Stanza): boolean {
    if (this.#awaits === 'features') this.#features(stanza);
    else if (this.#awaits === 'proceed') this.#proceed(stanza);
    else this.#fail(new Unreachable('protocol', `<${stanza.name}/> out of turn`));
    return true;
  }

  drain(): void {}

  close(ending: Ending): void {
    const sealed = this.#awaits === 'tls';
    this.#detached?.destroy();
    this.#tell(sealed ? new Unreachable('starttls_injection', 'plain text followed <proceed/>') : ended(ending));
  }

  #features(features: Stanza): void {
    if (features.name !== 'features' || features.ns !== NS.stream) {
      this.#fail(new Unreachable('protocol', `<${features.name}/> instead of features`));
    } else if (!offersStarttls(features)) {
      this.#unsecured(features);
    } else {
      this.#awaits = 'proceed';
      this.stream.stanza(STARTTLS);
    }
  }

  /** The server has no STARTTLS. */
  #unsecured(features: Stanza | undefined): void {
    if (this.#options.tls === 'optional') this.#done(features);
    else this.#fail(new Unreachable('starttls_not_offered', 'the server does not offer STARTTLS', 'tls'));
  }

  #proceed(answer: Stanza): void {
    if (answer.ns !== NS.tls || answer.name !== 'proceed') {
      this.#fail(new Unreachable('starttls_refused', `<${answer.name}/> instead of <proceed/>`));
      return;
    }
    this.#awaits = 'tls';
    this.#detached = this.stream.detach();
    // Not before the rest of this read was looked at: what follows <proceed/> in it is not the server's under TLS.
    setImmediate(() => this.#encrypt());
  }

  #encrypt(): void {
    const socket = this.#detached;
    if (this.#awaits !== 'tls' || socket === undefined) return;
    this.#options.secure(socket).then(
      (encrypted) => this.#secured(encrypted),
      (error: unknown) => this.#fail(unreachable(error, 'tls')),
    );
  }

  #secured(socket: Socket): void {
    if (this.#awaits !== 'tls') {
      socket.destroy();
      return;
    }
    this.#detached = undefined;
    this.#encrypted = true;
    this.#awaits = 'header';
    this.stream.use(socket);
    this.stream.open(this.#options.header);
  }

  #done(features?: Stanza): void {
    this.#awaits = 'nothing';
    this.#result.opened(this.stream, this.#header, features);
  }

  #fail(error: Unreachable): void {
    this.#detached?.destroy();
    this.stream.close({ how: 'closed' });
    this.#tell(error);
  }

  #tell(failure: Unreachable): void {
    if (this.#awaits === 'nothing') return;
    this.#awaits = 'nothing';
    this.#result.failed(failure);
  }
}

/** The server ended the stream, or broke its rules. */
function ended({ how, error }: Ending): Unreachable {
  if (error === undefined) return new Unreachable('closed', 'the server closed the stream at once');
  const cause = error.cause instanceof Error ? error.cause.message : error.message;
  if (error.element !== undefined) return new Unreachable('stream_error', cause, undefined, error);
  return new Unreachable(how === 'lost' ? 'closed' : 'protocol', cause);
}
