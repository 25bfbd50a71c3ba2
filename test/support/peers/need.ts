// What the tests against real programs need from the machine. On a developer's machine a missing program skips its suite with
// the reason in the title; in CI, where every peer is installed beforehand, it is a failure.

import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, it } from 'vitest';

const SYSTEM = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin', '/bin'];
const PYTHON_MODULES = '/usr/lib/python3/dist-packages';

/** The full path of an installed program, also one in the system folders an ordinary user's PATH leaves out. */
export function program(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...SYSTEM];
  return folders.map((folder) => join(folder, name)).find(executable);
}

/** A suite that needs programs: skipped with the reason where one is missing, failed there when CI is set. */
export function describeWith(programs: readonly string[], title: string, body: () => void): void {
  describeUnless(
    programs.filter((name) => !program(name)),
    title,
    body,
  );
}

/** A suite that needs modules of Debian's Python, in the same way. */
export function describeWithPython(modules: readonly string[], title: string, body: () => void): void {
  const missing = modules.filter((name) => !existsSync(join(PYTHON_MODULES, name)));
  describeUnless(
    missing.map((name) => `python3-${name}`),
    title,
    body,
  );
}

function describeUnless(missing: readonly string[], title: string, body: () => void): void {
  if (missing.length === 0) return void describe(title, body);
  const reason = `not installed: ${missing.join(', ')}`;
  if (!process.env.CI) return void describe.skip(`${title} (${reason})`, body);
  describe(title, () => {
    it(`finds its programs (${reason})`, () => {
      throw new Error(reason);
    });
  });
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
