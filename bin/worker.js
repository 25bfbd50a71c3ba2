// One worker of a server of several processes; the server starts it.
import { work } from '../dist/worker.js';

work();
