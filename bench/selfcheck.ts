// A harness that cannot see a lost message measures nothing: a backend that damages every fiftieth message, and a relay
// that forgets a request, have to be caught, by the name of what they did.

import { Load } from './processes.js';
import { backend, type Kind, relayWith, type Where } from './servers.js';

const FAULTS: Record<string, RegExp> = {
  drop: /stalled|came before/,
  double: /came twice/,
  alter: /was changed/,
  swap: /came before/,
  cross: /belongs to another session|came before|no message|stalled/,
};

/** Throws when a fault went unseen, or health was called a fault. */
export async function selfcheck(say: (text: string) => void): Promise<void> {
  for (const kind of ['ws', 'bosh', 'tcp'] as const) {
    for (const two of kind === 'bosh' ? [false, true] : [false]) {
      const healthy = await seen(kind, two, 'none', 4);
      if (healthy !== undefined) throw new Error(`${kind}: a healthy backend was called faulty: ${healthy}`);
      for (const [fault, wanted] of Object.entries(FAULTS)) {
        const error = await seen(kind, two, fault, 4);
        if (error === undefined || !wanted.test(error)) throw new Error(`${kind}: ${fault} was not seen, but ${error}`);
        say(`${kind}${two ? ' two in flight' : ''}, ${fault}: ${error.slice(0, 90)}`);
      }
    }
  }
  for (const fault of ['drop', 'strand']) {
    const error = await seen('bosh', true, fault, 1);
    if (!/stalled|stranded/.test(error ?? '')) throw new Error(`bosh: ${fault} was not seen, but ${error}`);
    say(`bosh two in flight, one message at a time, ${fault}: ${error?.slice(0, 90)}`);
  }
}

async function seen(kind: Kind, two: boolean, fault: string, burst: number): Promise<string | undefined> {
  const stub = await backend(fault === 'strand' ? 'none' : fault);
  const front = kind === 'tcp' ? direct(stub) : await relayWith(kind, stub.port, fault);
  const load = new Load(kind);
  try {
    await load.order({ order: 'open', sessions: 8, options: { ...front.where, bytes: 100, burst, two } });
    await load.order({ order: 'chat', messages: 2000 });
    await load.order({ order: 'finish' });
    return undefined;
  } catch (error) {
    return (error as Error).message;
  } finally {
    await Promise.all([load.stop(), front.stop(), stub.stop()]);
  }
}

/** The backend itself, where there is nothing to stand in front of it. */
function direct({ port }: { port: number }): { where: Where; stop(): Promise<void> } {
  const where: Where = { kind: 'tcp', port, path: '', domain: 'bench.example', relay: false };
  return { where, stop: async () => {} };
}
