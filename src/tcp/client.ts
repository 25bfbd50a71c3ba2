// A client over TCP as the rest of the house sees it (RFC 6120): a ClientStream. It brings the client to its upstream, but
// where TLS is a must not before the client has it: until then the features and errors are our own, and cost nobody else
// anything. STARTTLS and restarts are known here. What was said before TLS counts for nothing (section 5.4.3.3): the
// stream after it is attached anew. Bytes are the matter of stream.ts, handshakes that of starttls.ts.

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Client } from '../net/address.js';
import { ClientTls } from '../net/client-tls.js';
import { type ClientStream, closedEnd, type Ending, type StreamEnd, type Upstream } from '../stream/end.js';
import { StreamError } from '../xmpp/errors.js';
import type { StreamHeader } from '../xmpp/header.js';
import { NS } from '../xmpp/ns.js';
import type { Stanza } from '../xmpp/stanza.js';
import {
  type Encryption,
  isStarttls,
  PROCEED,
  type Securing,
  TLS_FAILURE,
  TLS_REQUIRED,
  withStarttls,
} from './starttls.js';
import { type TcpOptions, TcpStream } from './stream.js';

/** What all clients of a server share. Times in milliseconds. */
export interface ClientShare {
  readonly upstream: Upstream;
  readonly tcp: TcpOptions;
  /** Undefined where there is no certificate. */
  readonly encryption: Encryption | undefined;
  readonly requireTls: boolean;
  /** From the connection to the header that can be attached. */
  readonly openTimeout: number;
  /** Without a sign of life while something is being sent. */
  readonly sendTimeout: number;
  /** Milliseconds that never go back. */
  now(): number;
  /** It is somebody now: attached, and as far as can be seen for good. */
  settled(client: TcpClient): void;
  /** Its connection is gone. */
  gone(client: TcpClient): void;
  /** What it sent was not taken, by the condition of its stream error. */
  rejected(reason: string): void;
  /** A limit was in the way. */
  limited(limit: string): void;
  /** An error that is a bug. */
  failed(client: TcpClient, error: unknown): void;
}

type Phase =
  | 'waiting' // for the header that is attached
  | 'unsecured' // for STARTTLS, which is a must
  | 'securing'
  | 'attached'
  | 'over';

const CLIENT = Symbol('client');
type Owned = Socket & { [CLIENT]: TcpClient };

export class TcpClient implements ClientStream, Securing {
  readonly transport = 'tcp';
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly stream: TcpStream;
  readonly #share: ClientShare;
  #phase: Phase = 'waiting';
  #server: StreamEnd = closedEnd;
  #header: StreamHeader = {};
  /** The balancer in front says that the client's connection to it is encrypted. */
  readonly #vouched: boolean;
  #secure: boolean;
  #loggedIn = false;
  /** The socket that is being encrypted. */
  #raw: Socket | undefined;
  /** When it has to be attached, or to have proved itself; 0 for never. */
  #deadline: number;
  #signs = 0;
  /** Since when there was no sign of life while something is being sent; 0: nothing is, or there was. */
  #silent = 0;

  /** `direct`: TLS comes first (XEP-0368). */
  constructor(
    readonly name: string,
    socket: Socket,
    { address, port, secure }: Client,
    share: ClientShare,
    direct: boolean,
  ) {
    this.remoteAddress = address;
    this.remotePort = port;
    this.#vouched = secure;
    this.#secure = secure;
    this.#share = share;
    this.#deadline = share.now() + share.openTimeout;
    this.stream = new TcpStream(direct ? undefined : socket, new ClientEnd(this), share.tcp);
    this.stream.onreleased = () => share.gone(this);
    if (!direct) return;
    this.#hold(socket);
    encrypt(this, socket);
  }

  get secure(): boolean {
    return this.#secure;
  }

  /** Behind a balancer that ends TLS, what is on our own connection is not the client's. */
  get tls(): ClientStream['tls'] {
    const { socket } = this.stream;
    return this.#vouched || socket === undefined ? undefined : ClientTls.of(socket);
  }

  // The upstream's side.

  open(header: StreamHeader): void {
    if (this.#phase !== 'attached' || !this.stream.owesHeader) return;
    this.stream.open({ ...header, from: header.from ?? this.#header.to });
  }

  stanza(stanza: Stanza): boolean {
    if (this.#phase !== 'attached') return true;
    if (this.stream.owesHeader) this.stream.greet();
    return this.#loggedIn || stanza.kind !== undefined ? this.stream.stanza(stanza) : this.#negotiated(stanza);
  }

  drain(): void {
    this.stream.drain();
  }

  reached(told: () => void): void {
    if (this.#phase === 'attached') this.stream.reached(told);
  }

  close({ how, error }: Ending): void {
    if (this.#phase === 'over') return;
    this.#server = closedEnd;
    this.#end(error ?? (how === 'lost' ? new StreamError('remote-connection-failed') : undefined));
  }

  // The client's side.

  hearOpen(header: StreamHeader): void {
    if (this.#phase === 'attached') this.#server.open({ ...header, to: this.#header.to });
    else if (this.#phase === 'waiting') this.#hearFirst(header);
  }

  hearStanza(stanza: Stanza): boolean {
    if (stanza.kind === undefined && isStarttls(stanza)) this.#starttls();
    else if (this.#phase === 'attached') return this.#server.stanza(stanza);
    else if (this.#phase === 'unsecured') this.#end(new StreamError('policy-violation', 'nothing without TLS here'));
    return true;
  }

  hearDrain(): void {
    this.#server.drain();
  }

  hearClose(ending: Ending): void {
    const { how, error } = ending;
    if (error?.condition === 'internal-server-error' && error.element === undefined)
      this.#share.failed(this, error.cause);
    else if (how === 'closed' && error !== undefined && error.element === undefined)
      this.#share.rejected(error.condition);
    else if (how === 'lost' && error?.condition === 'policy-violation') this.#share.limited('queue_hard');
    this.#phase = 'over';
    this.#raw?.destroy();
    this.#leave(ending);
  }

  /** The handshake is done. */
  secured(socket: TLSSocket): void {
    if (this.#phase !== 'securing') {
      socket.destroy();
      return;
    }
    this.#raw = undefined;
    this.#secure = true;
    this.#phase = 'waiting';
    this.stream.use(socket);
  }

  // The owner's side.

  /** Looks at every deadline; called about once a second, and oftener when times are short. */
  sweep(now: number): void {
    if (this.#deadline !== 0 && now >= this.#deadline) this.#overdue();
    else if (this.stream.isSending && this.stream.signs === this.#signs) this.#waitFor(now);
    else {
      this.#signs = this.stream.signs;
      this.#silent = 0;
    }
  }

  /** Ends the stream because the server stops. */
  shutdown(reason: StreamError): void {
    if (this.#phase === 'over') return;
    this.#leave({ how: 'closed', error: new StreamError('system-shutdown') });
    this.#end(reason);
  }

  /** Cuts the connection. */
  terminate(): void {
    (this.#raw ?? this.stream.socket)?.destroy();
  }

  /** The socket that is being encrypted is gone. */
  lost(socket: Socket): void {
    this.#share.encryption?.forget(socket);
    if (this.stream.socket === undefined) this.#share.gone(this);
  }

  #hearFirst(header: StreamHeader): void {
    this.#header = header;
    if (!this.#secure && this.#share.requireTls) this.#demandTls(header);
    else this.#attach(header);
  }

  #demandTls({ version = '0.9' }: StreamHeader): void {
    if (version.startsWith('0')) {
      this.#end(new StreamError('unsupported-version', 'without TLS there is nothing here, and TLS is of version 1.0'));
      return;
    }
    this.#phase = 'unsecured';
    this.stream.greet();
    this.stream.stanza(TLS_REQUIRED);
  }

  #attach(header: StreamHeader): void {
    this.#phase = 'attached';
    const component = this.#share.tcp.contentNs === NS.component;
    // From here on the upstream minds the time, but that of a component until it has proved itself.
    if (!component) this.#deadline = 0;
    this.#server = this.#share.upstream.attach(this, header);
    if (!component && !this.#mayEncrypt) this.#share.settled(this);
  }

  get #mayEncrypt(): boolean {
    return this.#share.encryption !== undefined && !this.#secure && !this.#loggedIn;
  }

  #starttls(): void {
    if (!this.#mayEncrypt) {
      this.stream.stanza(TLS_FAILURE);
      this.#leave({ how: 'closed' });
      this.#end();
      return;
    }
    this.#leave({ how: 'closed' });
    this.stream.greet();
    this.stream.stanza(PROCEED);
    const socket = this.stream.detach();
    if (socket === undefined) return;
    this.#hold(socket);
    this.#deadline ||= this.#share.now() + this.#share.openTimeout;
    // Not before the rest of this read was looked at: what follows <starttls/> in it was not said under TLS.
    setImmediate(encrypt, this, socket);
  }

  #hold(socket: Socket): void {
    this.#phase = 'securing';
    this.#raw = Object.assign(socket, { [CLIENT]: this });
    socket.on('error', ignore).on('close', onClose);
  }

  /** Shakes hands, unless something came in between. */
  encrypt(socket: Socket): void {
    const { encryption } = this.#share;
    if (this.#phase !== 'securing' || encryption === undefined) socket.destroy();
    else encryption.secure(socket, this);
  }

  /** What the upstream says before the client is logged in, and is no stanza. */
  #negotiated(stanza: Stanza): boolean {
    const { name, ns } = stanza;
    if (name === 'features' && ns === NS.stream && this.#mayEncrypt) return this.stream.stanza(withStarttls(stanza));
    const go = this.stream.stanza(stanza);
    if (name === 'success' && (ns === NS.sasl || ns === NS.sasl2)) this.#welcome(ns);
    else if (name === 'handshake' && ns === NS.component) this.#welcome(ns);
    return go;
  }

  /** After SASL the client opens a new stream (section 6.4.6); after SASL2 (XEP-0388) and XEP-0114 it does not. */
  #welcome(ns: string): void {
    this.#loggedIn = true;
    this.#deadline = 0;
    this.#share.settled(this);
    if (ns === NS.sasl) this.stream.restart();
  }

  #overdue(): void {
    this.#deadline = 0;
    if (this.#phase === 'over') return;
    this.#share.limited('open_timeout');
    const error = new StreamError('connection-timeout', 'no stream was opened in time');
    this.#leave({ how: 'closed', error });
    this.#end(error);
  }

  #waitFor(now: number): void {
    if (this.#silent === 0) this.#silent = now;
    else if (now - this.#silent >= this.#share.sendTimeout) {
      this.#share.limited('send_timeout');
      this.stream.abandon(new StreamError('connection-timeout', 'takes nothing of what is sent'));
    }
  }

  /** Says the last words. */
  #end(error?: StreamError): void {
    this.#phase = 'over';
    this.#raw?.destroy();
    if (error === undefined) this.stream.close({ how: 'closed' });
    else this.stream.fail(error);
  }

  #leave(ending: Ending): void {
    const server = this.#server;
    this.#server = closedEnd;
    server.close(ending);
  }
}

/** What a client's stream holds as its peer. */
class ClientEnd implements StreamEnd {
  constructor(readonly client: TcpClient) {}

  open(header: StreamHeader): void {
    this.client.hearOpen(header);
  }

  stanza(stanza: Stanza): boolean {
    return this.client.hearStanza(stanza);
  }

  drain(): void {
    this.client.hearDrain();
  }

  close(ending: Ending): void {
    this.client.hearClose(ending);
  }
}

const encrypt = (client: TcpClient, socket: Socket): void => client.encrypt(socket);

function ignore(): void {}

function onClose(this: Socket): void {
  (this as Owned)[CLIENT].lost(this);
}
