// The part of @xmpp/client that the tests use; the package ships no types.

declare module '@xmpp/client' {
  export interface XmlElement {
    readonly name: string;
    readonly attrs: Readonly<Record<string, string>>;
    is(name: string, ns?: string): boolean;
    getChild(name: string, ns?: string): XmlElement | undefined;
    getChildren(name: string, ns?: string): XmlElement[];
    getChildText(name: string): string | null;
  }

  export interface XmppClient {
    readonly status: string;
    readonly jid: { toString(): string } | undefined;
    readonly socket: { readonly socket?: { terminate?: () => void } } | undefined;
    readonly reconnect: { delay: number; stop(): void };
    readonly streamManagement: {
      readonly enabled: boolean;
      readonly id: string;
      on(event: string, listener: (...args: unknown[]) => void): void;
    };
    on(event: 'stanza' | 'nonza', listener: (stanza: XmlElement) => void): void;
    on(event: string, listener: (...args: unknown[]) => void): void;
    start(): Promise<{ toString(): string }>;
    stop(): Promise<unknown>;
    send(stanza: XmlElement): Promise<void>;
  }

  export function client(options: Readonly<Record<string, unknown>>): XmppClient;
  export function xml(name: string, attrs?: Readonly<Record<string, string>>, ...children: unknown[]): XmlElement;
}
