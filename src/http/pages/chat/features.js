// What this client is and can do, as others are told (XEP-0030, XEP-0115). It has no import, so that tests can read it.

export const IDENTITY = Object.freeze({ category: 'client', type: 'web', name: 'bosh-server chat' });

export const FEATURES = Object.freeze([
  'http://jabber.org/protocol/caps',
  'http://jabber.org/protocol/chatstates',
  'http://jabber.org/protocol/disco#info',
  'http://jabber.org/protocol/muc',
  'http://jabber.org/protocol/nick',
  'jabber:x:conference',
  'jabber:x:oob',
  'urn:xmpp:avatar:metadata+notify',
  'urn:xmpp:bookmarks:1+notify',
  'urn:xmpp:ping',
  'urn:xmpp:receipts',
]);

export const NODE = 'urn:bosh-server:chat';

/** XEP-0115 section 5.1, of all above. A page over plain HTTP cannot compute it, so it stands here; a test holds it true. */
export const VERIFICATION = '04DZqhFG32K+2khHpPLLqx0fJpc=';
