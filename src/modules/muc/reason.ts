// Why somebody did something: what he says of it is shown to others, and is not to be a flood of its own.

import type { ComponentHost } from '../../core/host.js';
import type { Element } from '../../xmpp/element.js';
import { notAcceptable } from './names.js';
import type { MucOptions } from './options.js';

/** The `reason` in an element; undefined when nothing is said. Throws StanzaError not-acceptable. */
export function readReason(
  host: ComponentHost,
  { max_reason_bytes: most }: MucOptions,
  element: Element | undefined,
  ns: string,
): string | undefined {
  const reason = element?.getChildText('reason', ns) || undefined;
  if (reason === undefined || Buffer.byteLength(reason) <= most) return reason;
  host.limited('muc.max_reason_bytes');
  throw notAcceptable('the reason is too long');
}
