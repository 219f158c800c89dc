import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../core/clock.ts';
import { offsetClock } from '../sharding/clock-offset.ts';
import type { ShardData } from './messages.ts';
import { serve } from './serve.ts';

/** The entry of a producing thread. */
const data = workerData as ShardData;
if (parentPort !== null) serve(parentPort, data, offsetClock(systemClock, data.clockOffsetMs));
