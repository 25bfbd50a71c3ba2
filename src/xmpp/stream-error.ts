// `<stream:error/>` (RFC 6120 section 4.9): a StreamError as the element that says it, and back.

import { STREAM_CONDITIONS, type StreamCondition, StreamError } from './errors.js';
import { escapeText } from './escape.js';
import { NS } from './ns.js';
import { Stanza } from './stanza.js';

/** The element for an error: the server's own where it sent one, else a new one. It declares all it uses. */
export function streamErrorStanza(error: StreamError): Stanza {
  return error.element ?? new Stanza(Buffer.from(written(error, ` xmlns:stream='${NS.stream}'`)));
}

/** The same where the stream's header declares its prefix, and with it the end of the stream (section 4.9.1.1). */
export function lastWords(error: StreamError): Buffer {
  return Buffer.from(`${error.element?.raw ?? written(error, '')}</stream:stream>`);
}

function written({ condition, text, location }: StreamError, declaration: string): string {
  const open = `<${condition} xmlns='${NS.streams}'`;
  const isElsewhere = condition === 'see-other-host' && location !== undefined;
  const defined = isElsewhere ? `${open}>${escapeText(location)}</${condition}>` : `${open}/>`;
  const said = text === undefined ? '' : `<text xmlns='${NS.streams}' xml:lang='en'>${escapeText(text)}</text>`;
  return `<stream:error${declaration}>${defined}${said}</stream:error>`;
}

const CONDITIONS: ReadonlyMap<string, StreamCondition> = new Map(STREAM_CONDITIONS.map((name) => [name, name]));

/** The error that a peer's element says; it keeps the element. A condition nobody defined is undefined-condition. */
export function readStreamError(element: Stanza): StreamError {
  const children = element.tree.getChildElements().filter((child) => child.getNS() === NS.streams);
  const text = children.find((child) => child.getName() === 'text')?.getText();
  const defined = children.find((child) => CONDITIONS.has(child.getName()));
  const condition = CONDITIONS.get(defined?.getName() ?? '') ?? 'undefined-condition';
  const location = condition === 'see-other-host' ? defined?.getText() || undefined : undefined;
  return new StreamError(condition, text, { element, location });
}
