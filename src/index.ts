// The public face, for whoever embeds the server.

export { type Config, ConfigError, type ConfigInput } from './config/load.js';
export type { Caller, Command, CommandResult, CommandStage, CommandStep, Note } from './core/command.js';
export { DONE, type HookEvents, type HookRegistry, type IqAnswer, type IqRequest } from './core/hooks.js';
export type { Host } from './core/host.js';
export type { Module, Specification } from './core/module.js';
export { Part } from './core/parts.js';
export type { Routed } from './core/routed.js';
export type { Session } from './core/session.js';
export { Events, type ServerEvents, type StreamInfo } from './events.js';
export { createLog, type Log, type LogFields, silentLog } from './log.js';
export { createServer, Server, type ServerOptions, version } from './server.js';
export { type ArchiveStore, type KeyValueStore, type MapStore, StoreError } from './storage/store.js';
export {
  type ClientCertificate,
  type ClientStream,
  closedEnd,
  type Ending,
  type StreamEnd,
  type Tls,
  type Upstream,
} from './stream/end.js';
export { WrappedClient } from './stream/wrapped-client.js';
export { Element } from './xmpp/element.js';
export { StanzaError, StreamError } from './xmpp/errors.js';
export type { StreamHeader } from './xmpp/header.js';
export { JID } from './xmpp/jid.js';
export { NS } from './xmpp/ns.js';
export { Stanza } from './xmpp/stanza.js';
