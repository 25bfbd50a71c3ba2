// A process that deletes most of what a database has, so that a file is emptied, and kills itself at a given write to the
// database: `node storage-emptier.js FOLDER NUMBER BEHIND`. It ends by itself when the file is gone before that.

import { readdirSync, watch } from 'node:fs';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { openStorage } from '../../dist/storage/index.js';

const [, , path, number, behind] = process.argv;
const folder = join(path, 'history');
const { batch } = ClassicLevel.prototype;
let writes = 0;

ClassicLevel.prototype.batch = function (...given) {
  const chained = batch.apply(this, given);
  const { write } = chained;
  chained.write = async (options) => {
    const last = ++writes === Number(number);
    if (last && behind === 'false') process.kill(process.pid, 'SIGKILL');
    await write.call(chained, options);
    if (last) process.kill(process.pid, 'SIGKILL');
  };
  return chained;
};

const driver = await openStorage({ driver: 'level', path, max_bytes: 0 });
const gone = new Promise((resolve) => {
  watch(folder, () => {
    if (!readdirSync(folder).includes('00000001')) resolve();
  });
});
// Until the files are not on their way out by themselves.
for (let i = 0; i < 30; i++) await driver.open('h', 'mam', 'history').delete('romeo', { with: 'large@example.test' });
await gone;
await driver.stop();
process.exit(0);
