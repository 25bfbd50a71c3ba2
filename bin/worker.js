// One worker of a server of several processes; the server starts it.
import './steady.js';
import { work } from '../dist/worker.js';

work();
