// IQ requests of others (RFC 6120 section 8.2.3: each is answered): ping (XEP-0199), disco#info (XEP-0030), and no to the rest.

import { answer, asks } from './connection.js';
import { FEATURES, IDENTITY } from './features.js';
import { NS, xml } from './xml.js';

export function answerRequests(connection) {
  connection.addEventListener('stanza', ({ detail: iq }) => {
    if (iq.localName !== 'iq' || asks(iq, 'set', 'query', NS.roster)) return;
    if (asks(iq, 'get', 'ping', NS.ping)) connection.send(answer(iq));
    else if (asks(iq, 'get', 'query', NS.info)) connection.send(answer(iq, info(asks(iq, 'get', 'query', NS.info))));
    else connection.send(answer(iq, undefined, 'service-unavailable'));
  });
}

function info(query) {
  const node = query.getAttribute('node') ?? undefined;
  const features = FEATURES.map((name) => xml('feature', { var: name }));
  return xml('query', { xmlns: NS.info, node }, xml('identity', IDENTITY), ...features);
}
