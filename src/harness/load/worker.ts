import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../core/clock.ts';
import { offsetClock } from '../clock-offset.ts';
import type { WorkerOptions } from './messages.ts';
import { serve } from './serve-requests.ts';

/** Entry point of a producing thread. */
const data = workerData as WorkerOptions;
if (parentPort !== null) serve(parentPort, data, offsetClock(systemClock, data.clockOffsetMs));
