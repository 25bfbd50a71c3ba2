// Performs plays as tests: one stage for all of them, each play with accounts of its own. PLAY_STAGE names the stage, by default
// our own core; PLAY_TRANSPORT is what everyone is carried by, unless a play says otherwise; by default each person of each play
// has one of the three, always the same.

import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, it } from 'vitest';
import { describeWith } from '../peers/need.js';
import { act, finale } from './actions.js';
import { ownStage } from './own-stage.js';
import { readPlay } from './parse.js';
import { type Play, type PlayTransport, type Role, TRANSPORTS } from './play.js';
import { prosodyStage } from './prosody-stage.js';
import { accountOf, Scene } from './scene.js';
import type { Builder, Stage } from './stage.js';

const BUILDERS: Readonly<Record<string, Builder>> = { own: ownStage, prosody: prosodyStage };
const { PLAY_STAGE = 'own', PLAY_TRANSPORT } = process.env;

/** All plays below a folder, by their paths. */
export function playsIn(folder: string): readonly Play[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((each) => each.endsWith('.scs'));
  return files.sort().map((each) => readPlay(join(folder, each), each));
}

/** A suite of one test for each play. */
export function performAll(title: string, plays: readonly Play[]): void {
  const builder = BUILDERS[PLAY_STAGE];
  if (!builder) throw new Error(`PLAY_STAGE is none of ${Object.keys(BUILDERS).join(', ')}`);
  describeWith(builder.programs, `${title}, on ${builder.name}`, () => {
    let stage: Stage | undefined;
    beforeAll(async () => {
      stage = await builder.build(plays.flatMap((play, at) => accountsOf(play, String(at))));
    });
    afterAll(() => stage?.stop());

    for (const [at, play] of plays.entries()) {
      const reason = obstacle(play, builder);
      if (reason !== undefined) {
        it.skip(`${play.title} (${reason})`, () => {});
        continue;
      }
      it(play.title, async () => {
        if (!stage) throw new Error('no stage');
        await perform(new Scene(play, String(at), stage, (role) => transportOf(play, role, builder)));
      });
    }
  });
}

/** Plays it to its end; throws with the line at which something else happened. */
export async function perform(scene: Scene): Promise<void> {
  let at = 'the end';
  try {
    for (const step of scene.play.steps) {
      at = `${step.line}: ${step.text}`;
      await act(scene, step);
    }
    at = 'the end';
    await finale(scene);
    await Promise.all([...scene.actors.values()].map((each) => each.leave()));
  } catch (error) {
    const by = [...scene.actors.values()].map(({ role, transport }) => `${role.name} by ${transport}`).join(', ');
    throw new Error(`${scene.play.file}:${at} (${by})\n${(error as Error).message}`);
  } finally {
    for (const actor of scene.actors.values()) actor.vanish();
  }
}

function accountsOf({ roles }: Play, key: string) {
  const accounts = roles.filter(({ registered }) => registered).map((role) => accountOf(role, key));
  return [...new Map(accounts.map((each) => [each.name, each])).values()];
}

function obstacle({ needs, notOn }: Play, { name, can }: Builder): string | undefined {
  const missing = needs.filter((each) => can && !can.has(each));
  return notOn.get(name) ?? (missing.length > 0 ? `there is no ${missing.join(', ')} yet` : undefined);
}

function transportOf(play: Play, role: Role, { transports }: Builder): PlayTransport {
  const forced = TRANSPORTS.find((each) => each === PLAY_TRANSPORT);
  const drawn = createHash('sha256').update(`${play.file} ${play.title} ${role.name}`).digest()[0];
  const wanted = role.transport ?? forced ?? transports[drawn % transports.length];
  return transports.includes(wanted) ? wanted : transports[0];
}
