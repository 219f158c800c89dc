import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, existsSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { dirname } from 'node:path';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { badInput, stackBroke } from '../../core/errors.ts';
import { SESSION_READY, sparkSession } from '../pipelines/compactions/spark-jvm.ts';
import { HOST } from '../stack/plan.ts';
import { freePort } from '../stack/ports.ts';
import { claimedPorts, defaultRegistryDir } from '../stack/registry.ts';
import type { Exit, Launched } from '../stack/server.ts';
import {
  type SessionOptions,
  type SessionProcess,
  startSessionProcess,
} from '../stack/session-process.ts';
import { withParameters } from './parameters.ts';
import type { InstanceAnswer } from './process-reader.ts';
import type { Session, Statement } from './session-reader.ts';

/** Beginning of the error of a request to a process that has ended, or whose connection broke. */
export const NO_ANSWER = 'Spark did not answer';

/**
 * A Spark process next to the servers that runs SQL statements until it is closed, with the catalog as `ice`. Every
 * statement sees the newest snapshot of its tables. It ends with the stack or with this process at the latest.
 */
export class SparkSession implements Session, AsyncDisposable {
  readonly pid: Launched['pid'];
  /** On loopback, in every runtime. */
  readonly port: number;
  /** Time from the start of the process to its readiness. */
  readonly attachMs: number;
  /** Resolves when the process has ended. */
  readonly exited: Promise<Exit>;
  readonly #launched: Launched;
  readonly #token: string;
  readonly #log: string;

  /**
   * Rejects with a DoorbusterError if Spark is not on this machine (`doorbuster setup`), or does not start; and with
   * the signal's reason. In containers its image is built if it is missing.
   */
  static async start(options: SessionOptions): Promise<SparkSession> {
    const token = randomBytes(16).toString('hex');
    const port = await freePort(claimedPorts(defaultRegistryDir()));
    const program = sparkSession({ ...options, port, token }, options.stack.endpoints);
    const process = await startSessionProcess(
      {
        title: 'Spark',
        readyLine: SESSION_READY,
        program: {
          ...program,
          command(at) {
            if (!at.internal) requireSpark(at.artifacts.sparkClasspath);
            return program.command(at);
          },
        },
      },
      options,
    );
    return new SparkSession({ ...process, port, token, log: options.log });
  }

  private constructor(
    its: SessionProcess & {
      readonly port: number;
      readonly token: string;
      readonly log: string;
    },
  ) {
    this.#launched = its.launched;
    this.port = its.port;
    this.#token = its.token;
    this.#log = its.log;
    this.pid = its.launched.pid;
    this.exited = its.exited;
    this.attachMs = its.attachMs;
  }

  /** Runs a statement and returns its rows; an error of Spark is an answer. Rejects if the process ends. */
  async rows(statement: Statement): Promise<InstanceAnswer> {
    const response = await this.#post('/rows', named(statement));
    const answer = JSON.parse(await text(response).catch((error) => this.#unanswered(error)));
    if (response.statusCode !== 200) throw stackBroke(`Spark: ${answer.error}`);
    return { ...answer, rows: answer.rows ?? [], error: answer.error ?? null };
  }

  /** Writes the result of a statement to a Parquet file. An abort cancels it, and rejects with the signal's reason. */
  async toParquet(statement: Statement, file: string, signal: AbortSignal): Promise<void> {
    const cancel = () => void this.cancel(statement.id);
    signal.addEventListener('abort', cancel, { once: true });
    try {
      signal.throwIfAborted();
      const response = await this.#post('/parquet', named(statement), signal);
      if (response.statusCode !== 200) {
        throw stackBroke(`Spark: ${JSON.parse(await text(response)).error}`, `less ${this.#log}`);
      }
      await pipeline(response, createWriteStream(file), { signal });
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  /** Cancels a statement, which then fails; one whose tasks do not end is ended by `close` only. */
  async cancel(id: string): Promise<void> {
    // A process that has ended has nothing to cancel.
    await this.#post('/cancel', { id }).then(text, () => '');
  }

  async close(): Promise<void> {
    this.#launched.kill('SIGKILL');
    await this.exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #post(path: string, body: object, signal?: AbortSignal): Promise<IncomingMessage> {
    const sent = request({
      ...{ host: HOST, port: this.port, path, method: 'POST' },
      headers: { authorization: this.#token, 'content-type': 'application/json' },
      ...(signal === undefined ? {} : { signal }),
    });
    sent.end(JSON.stringify(body));
    const [response] = await once(sent, 'response').catch((error) => this.#unanswered(error));
    return response as IncomingMessage;
  }

  #unanswered(error: Error): never {
    throw stackBroke(`${NO_ANSWER}: ${error.message}`, `less ${this.#log}`, error);
  }
}

/** Spark names a parameter `:name`, where the queries of a pipeline have `$name`. */
function named({ id, sql, params }: Statement): object {
  return { id, sql: withParameters(sql, params, (name) => `:${name}`), params };
}

/** Checks that Spark's jars exist; their folder is the first part of its class path. */
function requireSpark(classpath: string): void {
  const jars = dirname(classpath.split(':')[0] ?? '');
  if (existsSync(jars)) return;
  throw badInput(`Spark is not on this machine: there is no ${jars}`, 'doorbuster setup');
}
