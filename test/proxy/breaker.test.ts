import { describe, expect, test } from 'vitest';
import { Breaker } from '../../src/proxy/breaker.js';
import { Unreachable } from '../../src/proxy/unreachable.js';

/** A breaker with a clock that goes when told, and a target that is up or down. */
function scene() {
  let [time, dials] = [0, 0];
  const breaker = new Breaker(() => time);
  let how: () => Promise<string> = () => Promise.resolve('connected');
  const down = (reason: Unreachable['reason'] = 'refused') => {
    how = () => Promise.reject(new Unreachable(reason, 'nobody there', 'connect_timeout'));
  };
  const dial = async (target = 'a:5222'): Promise<string> => {
    try {
      breaker.check(target);
    } catch (error) {
      return (error as Unreachable).reason;
    }
    dials++;
    try {
      const connected = await how();
      breaker.connected(target);
      return connected;
    } catch (error) {
      breaker.failed(target, error as Unreachable);
      return (error as Unreachable).reason;
    }
  };
  return {
    dial,
    down,
    up: () => {
      how = () => Promise.resolve('connected');
    },
    hang: () => {
      how = () => new Promise(() => {});
    },
    pass: (milliseconds: number) => {
      time += milliseconds;
    },
    dials: () => dials,
  };
}

const times = async (count: number, dial: () => Promise<string>) => {
  for (let i = 0; i < count; i++) await dial();
};

describe('a target that cannot be connected to', () => {
  test('five times in a row is not dialled for a second; whoever asks hears the same reason', async () => {
    const { dial, down, dials, pass } = scene();
    down('timeout');
    await times(5, dial);
    expect(await dial()).toBe('timeout');
    pass(999);
    expect(await dial()).toBe('timeout');
    expect(dials()).toBe(5);
  });

  test('is then probed by one dial, and is open again when that connects', async () => {
    const { dial, down, up, pass, dials } = scene();
    down();
    await times(5, dial);
    pass(1000);
    up();
    const [probe, other] = [dial(), dial()];
    expect([await probe, await other]).toEqual(['connected', 'refused']);
    expect(await dial()).toBe('connected');
    expect(dials()).toBe(7);
  });

  test('rests again when the probe fails, and a probe that hangs is followed by another', async () => {
    const { dial, down, hang, up, pass, dials } = scene();
    down();
    await times(5, dial);
    pass(1000);
    await times(3, dial);
    expect(dials()).toBe(6);
    pass(1000);
    hang();
    void dial();
    pass(1000);
    up();
    expect(await dial()).toBe('connected');
  });

  test('does not keep others from being dialled', async () => {
    const { dial, down, up } = scene();
    down();
    await times(5, dial);
    up();
    expect(await dial('b:5222')).toBe('connected');
  });

  test('is forgiven by a success in between, and dials that were given up prove nothing', async () => {
    const { dial, down, up, dials } = scene();
    down();
    await times(4, dial);
    up();
    await dial();
    down();
    await times(4, dial);
    down('closed');
    await times(9, dial);
    expect(dials()).toBe(18);
  });
});
