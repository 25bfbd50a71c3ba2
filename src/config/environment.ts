// Environment variables: BOSH_MAX_INACTIVITY, BOSH_LIMITS_SESSIONS, BOSH_UPSTREAM.

import { nearest } from './nearest.js';
import { optionPaths, variable } from './paths.js';
import type { Problem } from './problem.js';
import { type Members, place, type Said } from './said.js';
import { upstreamSaid } from './upstream.js';

export type Environment = Readonly<Record<string, string | undefined>>;

const BY_VARIABLE: ReadonlyMap<string, string> = new Map([...optionPaths.keys()].map((path) => [variable(path), path]));

/** What the environment says of options. Variables of other programs that begin like ours are only warned of, and only if they look like a slip. */
export function readEnvironment(env: Environment, problems: Problem[], warnings: Problem[]): Said {
  const members: Members = new Map();
  for (const [name, value] of Object.entries(env).sort()) {
    if (value === undefined || !name.startsWith('BOSH_') || name === 'BOSH_CONFIG') continue;
    const origin = { kind: 'environment', name } as const;
    const path = BY_VARIABLE.get(name);
    if (name === 'BOSH_UPSTREAM') for (const one of value.split(',')) upstreamSaid(one, origin, members, problems);
    else if (path === undefined) warnings.push(...slip(name));
    else if (/^tcp:\/\//.test(value)) warnings.push(kubernetes(name, path));
    else place(members, path.split('.'), { origin, value, loose: true });
  }
  return { origin: { kind: 'environment', name: '' }, value: members };
}

function slip(name: string): Problem[] {
  const near = nearest(name, BY_VARIABLE.keys());
  if (near === undefined) return [];
  return [
    {
      origin: { kind: 'environment', name },
      option: '',
      message: 'is passed over: it is no option',
      note: `did you mean ${near}?`,
    },
  ];
}

function kubernetes(name: string, option: string): Problem {
  return {
    origin: { kind: 'environment', name },
    option,
    message: 'is passed over: it is an address that Kubernetes sets for a service named "bosh"',
    fix: 'set enableServiceLinks: false in the pod, or give the service another name',
  };
}
