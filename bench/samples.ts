// Traffic for the micro benches: what a chat consists of.

const TEXT = 'It is the east, and Juliet is the sun. Arise, fair sun, and kill the envious moon. ';

export const MESSAGE = message(100);
export const LONG = message(2048);
export const PRESENCE =
  "<presence xmlns='jabber:client' from='juliet@capulet.example/balcony' to='romeo@montague.example/orchard'>" +
  "<show>away</show><status>Wherefore art thou</status><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' " +
  "node='http://client.example/' ver='q07IKJEyjvHSyhy//CH0CxmKi8w='/><x xmlns='vcard-temp:x:update'><photo>" +
  '01b87fcd030b72895ff8e88db57ec525450f000d</photo></x></presence>';
export const ROSTER =
  "<iq xmlns='jabber:client' type='result' id='roster'><query xmlns='jabber:iq:roster'>" +
  Array.from(
    { length: 170 },
    (_, i) =>
      `<item jid='contact${i}@capulet.example' name='Contact ${i}' subscription='both'><group>House</group></item>`,
  ).join('') +
  '</query></iq>';
export const HEADER =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' " +
  "from='montague.example' id='s1' version='1.0'>";

/** A chat message with this much text. */
export function message(bytes: number): string {
  const text = TEXT.repeat(Math.ceil(bytes / TEXT.length)).slice(0, bytes);
  return (
    "<message xmlns='jabber:client' from='juliet@capulet.example/balcony' to='romeo@montague.example/orchard' " +
    `type='chat' id='m1'><body>${text}</body></message>`
  );
}

/** The body of a BOSH request. */
export function request(rid: number, payload: string, sid = 'f3a1c5d2b7e94a60', attributes = ''): Buffer {
  const head = `<body rid='${rid}' sid='${sid}' xmlns='http://jabber.org/protocol/httpbind'${attributes}`;
  return Buffer.from(payload === '' ? `${head}/>` : `${head}>${payload}</body>`);
}
